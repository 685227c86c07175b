/*
 * job: one probe to be run once: what the runner needs, and what its child gets. Borrowed
 * throughout.
 */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <stdint.h>

#include "bench/patience.h"
#include "bench/scratch.h"
#include "probes/probe.h"

struct job {
    const struct probe *probe;
    const void *conf;
    const struct probe_site *site;
    const struct patience *patience;
    uint64_t seed; /* of the first round; a later one adds its number, so that it sees other data */
    uint64_t slot_ns;
    uint64_t run_start_ns;
    unsigned round;             /* 0, 1 */
    const struct scratch *home; /* of the first place, where the probe works in another; or NULL */
    const struct result *earlier; /* what it concludes from, or NULL */
    unsigned earlier_count;
};

#endif
