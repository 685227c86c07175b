/*
 * sampler: what a process feels when the CPU is taken away. One thread a CPU sleeps to an absolute
 * deadline every millisecond with a timer slack of 1 ns; how late it wakes is a stall. A stall of n
 * milliseconds swallows n - 1 deadlines; those are recorded too (n - 1 ms, n - 2 ms, ...), so that
 * percentiles are not flattered by coordinated omission. SOURCE: the idea of jHiccup (G. Tene);
 * prctl(2) PR_SET_TIMERSLACK.
 *
 * Used by noise.stall in a quiet window, by image.wal beside an image pull, and by the witness for
 * the whole run. Threads are pinned where the cpuset allows; SCHED_OTHER, as etcd runs.
 */
#ifndef PROBES_KIT_SAMPLER_H
#define PROBES_KIT_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"

struct sampler; /* opaque; one window of threads */

struct sampler_worst {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    uint64_t stall_ns;
    uint32_t cpu;
};

enum {
    SAMPLER_WORST = 8,
    SAMPLER_INTERVAL_NS = 1000000
};

/* Allocates everything; threads are created but idle. */
struct sampler *sampler_open(struct err *e);
unsigned sampler_cpus(const struct sampler *s); /* threads that sample */
/* Allowed CPUs that nobody watches alone: pinning was refused, or no thread could be had. */
unsigned sampler_unpinned(const struct sampler *s);
void sampler_start(struct sampler *s);
void sampler_stop(struct sampler *s);
/* Adds all stalls so far to *into and clears them; safe while running (each thread owns two
 * halves). */
void sampler_take(struct sampler *s, struct hist *into);
/* Longest stall since the last call; 0 when none. Cheap, safe while running. */
uint64_t sampler_take_max(struct sampler *s);
/* The worst stalls since start, longest first; how many were written. */
unsigned sampler_worst(const struct sampler *s, struct sampler_worst worst[SAMPLER_WORST]);
void sampler_free(struct sampler *s); /* NULL is allowed */

#endif
