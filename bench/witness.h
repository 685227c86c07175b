/*
 * witness: a child of its own that watches the host for the whole run: steal, pressure, throttling,
 * clock steps, other processes, and how late sleepers wake and why. It costs less than half a
 * percent of one CPU. If it dies the run goes on without it.
 */
#ifndef BENCH_WITNESS_H
#define BENCH_WITNESS_H

#include <stdint.h>
#include <sys/types.h>

#include "probes/kit/err.h"
#include "probes/kit/result.h"

struct witness {
    pid_t pid; /* 0: there is none */
    int fd;    /* our end of the socket; -1 when closed */
};

#define WITNESS_NONE                                                                               \
    {                                                                                              \
        .pid = 0, .fd = -1                                                                         \
    }

int witness_start(struct witness *w, uint64_t run_start_ns, struct err *e);
/* What it saw since the last mark (or the start). All NAN when it does not answer. */
void witness_mark(struct witness *w, struct witnessed *seen);
/* Ends it; its whole-run result is of probe "witness". */
int witness_finish(struct witness *w, struct result *r, struct err *e);
/* Kills it. Idempotent. */
void witness_release(struct witness *w);

#endif
