/*
 * bottleneck: what bounded an unpacking, out of where its time went. Pure.
 */
#ifndef PROBES_IMAGE_BOTTLENECK_H
#define PROBES_IMAGE_BOTTLENECK_H

#include <stdint.h>

#include "probes/image/lane.h"

enum bottleneck {
    BOTTLENECK_DISK,        /* threads stood still in writes, or the final sync took longest */
    BOTTLENECK_ONE_STREAM,  /* CPUs were idle: one core inflated and the others waited */
    BOTTLENECK_ONE_CREATOR, /* CPUs were idle: a layer's files are made one after the other */
    BOTTLENECK_ONE_WRITER,  /* the same, and writing their content took longer than making them */
    BOTTLENECK_INFLATE,     /* all CPUs busy, mostly with inflating */
    BOTTLENECK_HASH,        /* mostly with digests of the tar */
    BOTTLENECK_READ,        /* mostly with reading and digesting what is stored */
    BOTTLENECK_METADATA,    /* mostly with creating and stamping files */
    BOTTLENECK_DATA,        /* mostly with copying content into the page cache */
    BOTTLENECKS
};

/* Added up over repetitions. */
struct bottleneck_sums {
    struct lane_time parts[LANE_PARTS]; /* without the final sync */
    uint64_t wall_ns;                   /* of unpacking */
    uint64_t sync_ns;                   /* of the final syncs */
    unsigned threads;
};

enum bottleneck bottleneck_find(const struct bottleneck_sums *sums);
/* "one core's inflate"; in a sentence after "The limit is". */
const char *bottleneck_name(enum bottleneck b);
/* How busy the threads were with work of their own or stood in writes: 0 to 1. */
double bottleneck_busy_ratio(const struct bottleneck_sums *sums);

#endif
