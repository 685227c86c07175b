/*
 * cap: finds a rate limiter in the curve of one direction, at whatever rate, and tells it from a
 * disk that is merely saturated. Pure.
 *
 * A limiter first shows in one and the same rate, within CAP_SAME_RATIO, in many repetitions, and
 * in a queue that brings no more when it is deeper. It is then one of two kinds.
 *   - Bucket: tokens come in slices. What has a token is answered at the medium's speed, the rest
 *     waits for the next slice, so that the mean is a multiple of the median. Under a kernel
 *     throttle of 500 IOPS the median was 60 us and the mean 2 ms.
 *   - Paced: I/O is answered one by one at equal distances: p99 stays below twice the median, the
 * rate is the same at depths that differ by CAP_SPAN, and depth brings nothing from the first, or
 * the rate grows with the depth until it stops at once, or it is a round one. A saturated disk is
 * neither: its rate moves by several per cent from second to second, its tail is long, and its
 * median is near its mean. One that serves a fixed number of commands at once (32, 64) stops at
 * once too, and is known by that number. SOURCE: slices of 100 ms: Linux blk-throttle
 * (Documentation/admin-guide/cgroup-v1/ blkio-controller.rst). Round rates: the public rules in
 * plans.h.
 */
#ifndef PROBES_DISK_CAP_H
#define PROBES_DISK_CAP_H

#include <stdbool.h>
#include <stddef.h>

#define CAP_SAME_RATIO 0.01

enum {
    CAP_DEPTHS = 8,
    CAP_SPAN = 4,  /* the deepest of the plateau is at least so many times the shallowest */
    CAP_LEAST = 4, /* repetitions with the one rate, or all when they are fewer, but 2 */
};

/* One repetition at one depth, the queue full from its beginning to its end. */
struct cap_block {
    unsigned depth;
    double rate;  /* I/Os a second */
    double count; /* I/Os */
};

struct cap_depth {
    unsigned depth;
    double p50_ns, p99_ns, mean_ns;
};

struct cap_curve {
    const struct cap_block *blocks;
    size_t block_count;
    struct cap_depth depths[CAP_DEPTHS]; /* rising; those that were measured */
    unsigned depth_count;
};

enum cap_kind {
    CAP_NONE,
    CAP_BUCKET,
    CAP_PACED
};

struct cap {
    enum cap_kind kind;
    double rate;          /* the one rate, 1/s; NAN: there is none */
    unsigned same;        /* repetitions that had it */
    double share;         /* of those at the plateau's depths */
    unsigned from, to;    /* depths of the plateau; 0: there is none */
    double waiting;       /* largest mean/median on the plateau */
    double tail;          /* largest p99/median of its upper half */
    unsigned queue;       /* commands that a queue of that length would explain it with, or 0 */
    bool at_once;         /* depth brought all it could until there, and then nothing */
    bool round;           /* within 2 % of a rate that services sell */
    const char *why_none; /* of CAP_NONE: what speaks against a limiter, a clause; else NULL */
};

/* work is room for block_count doubles. */
struct cap cap_find(const struct cap_curve *c, double *work);

#endif
