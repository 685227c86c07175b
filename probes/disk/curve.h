/*
 * curve: IOPS by queue depth, and where more depth stops to help. Pure functions.
 *
 * The gain has stopped when doubling the depth brought less than 5 % over the best so far, twice in
 * a row: once may be a neighbour's doing. The knee is the smallest depth with at least 95 % of the
 * best rate: what is asked for beyond it only waits longer.
 */
#ifndef PROBES_DISK_CURVE_H
#define PROBES_DISK_CURVE_H

#include <stdbool.h>

enum {
    CURVE_DEPTHS = 8, /* 1, 2, 4 ... 128 */
    CURVE_QD1 = 0,    /* rungs that are always measured */
    CURVE_QD32 = 5,
    CURVE_GAIN_PERCENT = 5,  /* less than this is no gain */
    CURVE_STALLS = 2,        /* so many doublings in a row */
    CURVE_KNEE_PERCENT = 95, /* of the best */
    CURVE_NONE = CURVE_DEPTHS
};

/* Rung i is depth 1 << i. */
struct curve {
    double iops[CURVE_DEPTHS]; /* 0: not measured */
};

unsigned curve_depth(unsigned rung);
/* Whether the rungs below `climbed`, taken without a gap, show that the gain has stopped. */
bool curve_stopped(const struct curve *c, unsigned climbed);
/* Whether that rung disproves it: it gains on all below `climbed`. */
bool curve_revives(const struct curve *c, unsigned climbed, unsigned rung);
/* Rung of the knee among those measured; CURVE_NONE when none is. */
unsigned curve_knee(const struct curve *c);
/* Nearest measured rungs below and above; CURVE_NONE when there is none. Below CURVE_DEPTHS is
 * the deepest of all. */
unsigned curve_below(const struct curve *c, unsigned rung);
unsigned curve_above(const struct curve *c, unsigned rung);
/*
 * Whether before that rung less was asked for (asked: its rung; -1: nothing, or at a pace), or
 * answered, than a limiter may let through: it may then have saved something up.
 */
bool curve_saves(const struct curve *c, int asked, double answered_iops, unsigned rung);

#endif
