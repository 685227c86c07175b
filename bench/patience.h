/*
 * patience: how long a child is waited for at each step. A table of its own, so that tests need
 * not wait as long as a slow disk may take.
 */
#ifndef BENCH_PATIENCE_H
#define BENCH_PATIENCE_H

#include <stdint.h>

#include "bench/limits.h"

struct patience {
    uint64_t grace_ns;     /* beyond a slot, before SIGTERM */
    uint64_t silence_ns;   /* between two figures of one probe */
    uint64_t stop_ns;      /* from SIGTERM to SIGKILL */
    uint64_t kill_ns;      /* from SIGKILL to leaving the child behind */
    uint64_t stop_kill_ns; /* the same after Ctrl-C */
    uint64_t ask_ns;       /* an answer to "can you work here" */
    uint64_t clear_ns;     /* the removal of scratch files */
};

#define PATIENCE_USUAL                                                                             \
    {                                                                                              \
        .grace_ns = BENCH_GRACE_NS, .silence_ns = BENCH_SILENCE_NS, .stop_ns = BENCH_STOP_NS,      \
        .kill_ns = BENCH_KILL_NS, .stop_kill_ns = BENCH_STOP_KILL_NS, .ask_ns = BENCH_ASK_NS,      \
        .clear_ns = BENCH_CLEAR_NS                                                                 \
    }

#endif
