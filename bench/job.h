/*
 * job: one probe to be run once: what the runner needs, and what its child gets. Borrowed
 * throughout.
 */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <stdint.h>

#include "probes/probe.h"

struct job {
    const struct probe *probe;
    const void *conf;
    const struct probe_site *site;
    uint64_t seed;
    uint64_t slot_ns;
    uint64_t run_start_ns;
    unsigned round;      /* 0, 1 */
    uint64_t blocks_had; /* repetitions of earlier rounds, so that seeds differ */
};

#endif
