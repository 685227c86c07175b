/*
 * cap: finds a rate limiter in the curve of one direction, at whatever rate, and tells it from a
 * disk that is merely saturated. Pure.
 *
 * A limiter is seen in either of two ways.
 *   - Bucket: tokens come in slices. What has a token is answered at the medium's speed, the rest
 *     waits for the next slice, so the mean is a multiple of the median; the rate is the same at
 *     depths that differ by CAP_SPAN. Under a kernel throttle of 500 IOPS the median was 60 us and
 *     the mean 2 ms.
 *   - Paced: I/O is answered one by one at equal distances. The rate is flat over the depths and
 *     steady over time, p99 stays below twice the median, and either depth brings nothing from the
 *     first, or the rate grows with the depth until it stops at once, or the rate is a round one.
 * A saturated disk has neither: its rate moves by several per cent from second to second and its
 * tail is long. One that serves a fixed number of commands at once (32, 64) also stops at once, and
 * is known by that number.
 * SOURCE: shape of Linux blk-throttle (Documentation/admin-guide/cgroup-v1/blkio-controller.rst):
 * slices of 100 ms. Round rates: the public rules in plans.h.
 */
#ifndef PROBES_DISK_CAP_H
#define PROBES_DISK_CAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CAP_DEPTHS = 8,
    CAP_SPAN = 4 /* the deepest of the plateau is at least so many times the shallowest */
};

/* One repetition at one depth. */
struct cap_block {
    uint64_t at_ns, observed_ns;
    double count; /* I/Os completed */
    unsigned depth;
};

struct cap_depth {
    unsigned depth;
    double p50_ns, p99_ns, mean_ns;
};

struct cap_curve {
    const struct cap_block *blocks; /* by at_ns */
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
    double rate;          /* of the plateau, 1/s; NAN: there is none */
    double cv;            /* of its parts, a pass over its depths each; NAN: fewer than 2 */
    unsigned from, to;    /* depths of the plateau; 0: there is none */
    double waiting;       /* largest mean/median on the plateau */
    double tail;          /* largest p99/median of its upper half */
    unsigned queue;       /* commands that a queue of that length would explain it with, or 0 */
    bool at_once;         /* depth brought all it could until there, and then nothing */
    bool round;           /* within 2 % of a rate that services sell */
    const char *why_none; /* of CAP_NONE: what speaks against a limiter */
};

/* Repetitions without pauses between them, at most as many as the plateau has depths. */
struct cap_part {
    double count; /* I/Os */
    unsigned repetitions;
    uint64_t since_ns, until_ns;
};

/* Room to work in, block_count each. */
struct cap_work {
    double *rates;
    struct cap_part *parts;
};

struct cap cap_find(const struct cap_curve *c, struct cap_work *work);
/* Sorts blocks by at_ns. */
void cap_sort(struct cap_block *blocks, size_t count);

#endif
