/*
 * ownsched: what the scheduler counted of the calling thread: its time on a CPU, its time runnable
 * in the run queue, its switches. Two readings around a sleep say how much of a late wake was
 * queueing. A reading takes 3 us and allocates nothing.
 * SOURCE: Linux Documentation/scheduler/sched-stats.rst (/proc/PID/schedstat: time on the CPU, time
 * in the run queue, both ns, time slices); getrusage(2), RUSAGE_THREAD.
 */
#ifndef PROBES_KIT_OWNSCHED_H
#define PROBES_KIT_OWNSCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct ownsched {
    int fd; /* schedstat of the thread that opened it; -1: this kernel has none */
};

struct ownsched_now {
    uint64_t run_ns, queued_ns;      /* since the thread began */
    uint64_t voluntary, involuntary; /* switches since then */
    bool queued_known;               /* run_ns and queued_ns are */
};

#define OWNSCHED_NONE                                                                              \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* For the calling thread, which must also be the one that reads. -1: no schedstat in this kernel or
 * container; the switches are still read. */
int ownsched_open(struct ownsched *o, struct err *e);
void ownsched_read(const struct ownsched *o, struct ownsched_now *now);
void ownsched_release(struct ownsched *o); /* idempotent */

/* The text of a schedstat. -1: it is not one. Pure. */
int ownsched_parse(const char *text, uint64_t *run_ns, uint64_t *queued_ns);

#endif
