/*
 * turns: which depth comes next. Pure: the figures so far in, a turn out.
 *
 * First up the ladder 1, 2, 4 ... until the gain stops (curve.h) or the time runs short, one turn
 * each; depth 32 always has one, and where it still gains the climb goes on. Then round after
 * round: at a pace (where asked), and from the deepest down: the knee as it stands, the measured
 * depths beside it, 32 and 1. After three rounds only every second is at a pace, and another
 * measured depth is added in turn.
 */
#ifndef PROBES_DISK_TURNS_H
#define PROBES_DISK_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/disk/curve.h"

enum {
    TURNS_PACED = CURVE_NONE + 1, /* no rung of the ladder: at a pace */
    TURNS_PACED_LENGTH = 4,       /* turns of a depth, that one at a pace is as long as */
    TURNS_FIRST_ROUNDS = 3,       /* of what matters most; at a pace enough for a p99 */
    TURNS_RESERVE = 2             /* left for depth 32 and one more, when the climb takes long */
};

struct turns {
    bool queues;      /* more than depth 1 can be measured */
    bool paces;       /* a turn at a pace belongs to every round */
    bool skipped;     /* depth 32 had its turn before those below it */
    bool settled;     /* the climb is over */
    bool hurried;     /* for want of time */
    unsigned climbed; /* rungs below this were given a turn in order */
    unsigned rounds;  /* begun */
    unsigned left;    /* of this round: a bit for each turn */
};

void turns_init(struct turns *t, bool queues, bool paces);
/* A rung, or TURNS_PACED. time_left: how many turns of a depth still fit in. */
unsigned turns_next(struct turns *t, const struct curve *c, uint64_t time_left);

#endif
