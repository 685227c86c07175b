/*
 * medium_signs: what is read off the figures of a disk, each a value within a range.
 */
#ifndef PROBES_DISK_MEDIUM_SIGNS_H
#define PROBES_DISK_MEDIUM_SIGNS_H

#include "probes/disk/medium.h"
#include "probes/disk/plans.h"
#include "probes/kit/buf.h"

#define MEDIUM_BLOCK_BYTES 4096.0 /* of random I/O */

/* The signs that hold, as a mask. */
unsigned medium_signs_of(const struct medium_curve *c);
/* MEDIUM_CAPPED has no words: its limits are told themselves.
 * "4 KiB reads at depth 1 take 8.1 ms at the median, as an arm and a rotation do" */
void medium_signs_say(enum medium_sign sign, const struct medium_curve *c, struct buf *out);

/* How a limiter shows: enum values are bits. */
enum medium_limit {
    MEDIUM_LIMIT_READ = 1 << 0,        /* 4 KiB reads a second */
    MEDIUM_LIMIT_WRITE = 1 << 1,       /* 4 KiB writes a second */
    MEDIUM_LIMIT_READ_BYTES = 1 << 2,  /* bytes read a second, whatever their size */
    MEDIUM_LIMIT_WRITE_BYTES = 1 << 3, /* bytes written a second */
    MEDIUM_LIMIT_BURST = 1 << 4 /* 4 KiB writes a second once a disk's published burst is over */
};

/* The published burst rule that the fall of the rate fits, and whose it is. */
enum plans_cause medium_signs_burst(const struct medium_curve *c, struct buf *out);
unsigned medium_signs_limits(const struct medium_curve *c);

#endif
