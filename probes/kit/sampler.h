/*
 * sampler: what a process feels when the CPU is taken away. One thread a CPU sleeps to an absolute
 * deadline every millisecond, or as often as asked; how late it wakes is a stall. A stall of n
 * intervals swallows n - 1 deadlines; those are recorded too (n - 1, n - 2, ...), so that
 * percentiles are not flattered by coordinated omission. SOURCE: the idea of jHiccup (G. Tene).
 *
 * Threads sleep by timer descriptor and not by clock_nanosleep, so that one that was stopped or
 * frozen meanwhile knows it (sleeper.h). A wake costs some 20 us of CPU in a slow VM, 3 us of that
 * for the thread's own evidence: a thread a CPU each millisecond is for a quiet window.
 *
 * Used by noise.stall in a quiet window, by image.wal beside an image pull, and by the witness for
 * the whole run. Threads are pinned where the cpuset allows; SCHED_OTHER, as etcd runs.
 */
#ifndef PROBES_KIT_SAMPLER_H
#define PROBES_KIT_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/cause.h"
#include "probes/kit/err.h"
#include "probes/kit/hist.h"

struct sampler; /* opaque; one window of threads */

enum {
    SAMPLER_INTERVAL_NS = 1000000
};

/* How to sample; 0 for what is usual. */
struct sampler_terms {
    uint64_t interval_ns; /* 0: SAMPLER_INTERVAL_NS */
    uint64_t episode_ns;  /* stalls of that length are kept as episodes; 0: none is */
    unsigned threads;     /* at most; 0: one for each allowed CPU */
};

/* Allocates everything; threads are created but idle. */
struct sampler *sampler_open(const struct sampler_terms *terms, struct err *e);
unsigned sampler_cpus(const struct sampler *s);    /* threads that sample */
unsigned sampler_allowed(const struct sampler *s); /* CPUs this process may run on */
/* Of the threads that were to be: those whose pinning was refused, or that could not be had. */
unsigned sampler_unpinned(const struct sampler *s);
/*
 * Where there are fewer threads than CPUs: the threads move on to the CPUs that come next, each
 * before its next sleep. Safe while running, for one thread.
 */
void sampler_turn(struct sampler *s);
void sampler_start(struct sampler *s);
void sampler_stop(struct sampler *s);
/* Adds all stalls so far to *into and clears them; safe while running (each thread owns two
 * halves). */
void sampler_take(struct sampler *s, struct hist *into);
/* Longest stall since the last call; 0 when none. Cheap, safe while running. */
uint64_t sampler_take_max(struct sampler *s);
/*
 * The episodes since the last call, those of one thread in their order; how many were written:
 * `most` means that there may be more. Safe while running, for one thread; allocates nothing.
 */
unsigned sampler_episodes(struct sampler *s, struct episode *into, unsigned most);
/* Episodes that found no room, for they were not taken in time. */
uint64_t sampler_missed(const struct sampler *s);
void sampler_free(struct sampler *s); /* NULL is allowed */

#endif
