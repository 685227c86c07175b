/*
 * slow: the longest appends of a log, each with its time, which become events of the run. Fixed
 * room; keeping allocates nothing. One thread.
 */
#ifndef PROBES_DISK_SLOW_H
#define PROBES_DISK_SLOW_H

#include <stdint.h>

#include "probes/kit/hist.h"
#include "probes/kit/result.h"

enum {
    SLOW_MOST = 32
};

struct slow_append {
    uint64_t ended_ns;   /* CLOCK_MONOTONIC */
    uint64_t latency_ns; /* all of it */
    uint64_t sync_ns;    /* what the syncs took */
};

struct slow { /* zeroed at first */
    uint64_t total;
    unsigned count;
    struct slow_append appends[SLOW_MOST];
};

/* Longer than this is worth keeping: 100 ms, a heartbeat, or ten times the p99 of what was seen. */
uint64_t slow_from_ns(const struct hist *seen);
/* When there is no room the shortest gives way. */
void slow_keep(struct slow *s, const struct slow_append *append);
/* Events by time, and a note where more were slow. */
void slow_tell(struct slow *s, uint64_t run_start_ns, struct result *r);

#endif
