/*
 * ways: on which way packets were lost, told by a stateful reflector, which numbers its answers by
 * what has arrived there (RFC 8762 4.3). Pure, fixed size.
 *
 * Between two answers, what was sent less what was numbered was lost on the way there, and what was
 * numbered less what came back on the way here. Packets after the last answer, and around a restart
 * of the reflector, whose numbers begin again, cannot be told apart and are in neither.
 * SOURCE: RFC 7680 (one-way loss).
 */
#ifndef PROBES_NET_WAYS_H
#define PROBES_NET_WAYS_H

#include <stdbool.h>
#include <stdint.h>

struct ways_sum {
    uint64_t asked;    /* packets sent, of those that can be told */
    uint64_t arrived;  /* of these, there */
    uint64_t answered; /* of these, whose answer came back */
};

struct ways {
    bool begun;               /* an answer came since the reflector's start */
    uint32_t asked, numbered; /* of the packet that this stretch began with */
    uint32_t newest_asked, newest_numbered;
    uint64_t answered; /* in this stretch */
    uint64_t doubled;  /* in this stretch, on the way there */
    struct ways_sum done;
    unsigned restarts;
};

/* The first packet that is sent; the reflector has seen none of this session and counts from 0. */
void ways_begin(struct ways *w, uint32_t first);
/* The first answer to `asked`, with the reflector's own number. */
void ways_answered(struct ways *w, uint32_t asked, uint32_t numbered);
/* Another answer to the same with another number: it was doubled on the way there. */
void ways_doubled(struct ways *w, uint32_t numbered);
struct ways_sum ways_total(const struct ways *w);

#endif
