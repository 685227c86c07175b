/*
 * flow: the TCP connections of a capture, by addresses and ports. Bounded: where there are more at
 * a time than FLOW_MAX, the one that was silent longest makes room; its samples stay in the totals
 * and its row, if it is among the longest, on the board. Memory is taken once; one thread.
 */
#ifndef PROBES_NET_FLOW_H
#define PROBES_NET_FLOW_H

#include "probes/net/sketch.h"
#include "probes/net/track.h"

enum {
    FLOW_MAX = 4096, /* at a time; 28 MB when each has samples both ways */
    FLOW_BOARD = 10  /* connections told one by one */
};

struct flow {
    struct dissect_end ends[2]; /* the lower first */
    uint8_t version;
    struct track track;
    struct sketch rtts[2];        /* by the side that answered */
    uint64_t fastest_ns[2];       /* the same; 0: none */
    uint64_t segments;            /* with data, SYN or FIN */
    uint64_t again;               /* of these, sent again */
    uint32_t chain, newer, older; /* 0: none */
};

struct flow_rtts {
    uint64_t n, p50_ns, p99_ns;
};

struct flow_row { /* a connection as told */
    struct dissect_end ends[2];
    uint8_t version;
    unsigned server; /* which end was called, or has the lower port */
    struct flow_rtts rtts[2];
    uint64_t segments, again;
};

struct flow_table {
    struct flow *items; /* owned; the first is not used */
    uint32_t *heads;    /* owned; by hash */
    uint64_t seed;
    uint32_t count;
    uint32_t newest, oldest;
    uint64_t evicted;
    struct flow_row board[FLOW_BOARD]; /* by samples, most first */
    unsigned board_count;
    uint64_t one_sided; /* of those that made room or were closed: seen one way only */
    uint64_t two_sided;
};

int flow_table_open(struct flow_table *t, uint64_t seed, struct err *e);
void flow_table_release(struct flow_table *t); /* idempotent */

/* The connection of a segment, made when there is none; *side is the sender's. Never NULL. */
struct flow *flow_find(struct flow_table *t, struct ackrtt_pool *p, const struct dissect_segment *s,
                       unsigned *side);
/* Which end was called: by the SYN, else the one of the lower port. */
unsigned flow_server(const struct flow *f);
/* Puts on the board and counts those that are still there. Once, at the end. */
void flow_table_close(struct flow_table *t);

#endif
