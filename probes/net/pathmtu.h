/*
 * pathmtu: the search for the largest packet that a path carries, as a state machine. No sockets,
 * no clock: sizes come out, verdicts on them go in.
 *
 * The largest comes first, for most paths carry it; then what a router named, and one more octet;
 * else the middle. The size at which it stops is asked once more, so that a loss is not taken for
 * the limit. Sizes are whole packets with their IP header, as an MTU is counted (RFC 1191 2).
 */
#ifndef PROBES_NET_PATHMTU_H
#define PROBES_NET_PATHMTU_H

#include <stdbool.h>
#include <stdint.h>

struct pathmtu {
    unsigned low;  /* carried; 0 until one was */
    unsigned high; /* not carried, or one more than the largest asked for */
    unsigned floor, top;
    unsigned hint;   /* what a router said last; 0: nothing */
    bool confirmed;  /* high was asked again */
    unsigned doubts; /* times that it then went through */
};

/* 0 < floor <= top. */
void pathmtu_init(struct pathmtu *p, unsigned floor, unsigned top);
/* The size to ask for; 0: found, low is the answer. */
unsigned pathmtu_next(const struct pathmtu *p);
/* The size that pathmtu_next gave is asked for the second time. */
bool pathmtu_confirms(const struct pathmtu *p);
void pathmtu_carried(struct pathmtu *p, unsigned size);
void pathmtu_not_carried(struct pathmtu *p, unsigned size);
/* A router's next-hop MTU; what lies outside the search is forgotten. */
void pathmtu_hint(struct pathmtu *p, unsigned mtu);

#endif
