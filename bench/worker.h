/*
 * worker: a forked child with a pipe, in a process group of its own, and never waited for without
 * end.
 *
 * worker_start -> worker_listen (until the child has answered and gone, or is given up) ->
 * worker_collect -> worker_release. A child that overstays is told to stop (SIGTERM), then killed
 * with all it started (SIGKILL to the group); one that does not even die, stuck in the kernel, is
 * left behind. What a child started and left running dies with it.
 */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/patience.h"
#include "probes/kit/buf.h"
#include "probes/kit/err.h"
#include "probes/kit/limits.h"

/* What runs in the child, which ends when it returns. */
typedef void worker_body(const void *arg, int out_fd);

struct worker_hooks {
    /* Called several times a second; figure is "" at first. */
    void (*progress)(void *arg, const char *figure, uint64_t left_ns);
    void *arg;
};

struct worker {
    const struct patience *patience;
    uint64_t end_ns;  /* when it should be done, CLOCK_MONOTONIC */
    uint64_t late_ns; /* when it must be done */
    bool deaf;        /* goes on when the run is interrupted: it tidies up */

    pid_t pid;
    uint64_t heard_ns;   /* when it last told a figure, or was started */
    uint64_t term_ns;    /* when SIGTERM is due: at late_ns, or when it falls silent */
    int fd;              /* our end of the pipe; -1 when closed */
    uint64_t kill_ns;    /* when SIGKILL is due; 0: SIGTERM was not sent */
    uint64_t give_up_ns; /* when the child is left behind; 0: SIGKILL was not sent */
    bool overstayed;     /* SIGTERM was for being late */
    bool broken;         /* it sent what is no frame */
    struct buf in;
    char figure[LIMITS_TEXT_BYTES];
    bool answered;         /* FRAME_RESULT came */
    struct buf peers;      /* FRAME_PEERS: whose results are to come; empty: one of no peer */
    struct buf *fragments; /* the payload of each; owned */
    unsigned fragment_count;
    struct err error; /* what the child said instead, or when it could not go on */
};

/* The caller sets patience, end_ns, late_ns and deaf before. */
int worker_start(struct worker *w, const char *name, worker_body *body, const void *arg,
                 struct err *e);
void worker_listen(struct worker *w, const struct worker_hooks *hooks); /* NULL: none */
/* The wait status, or -1 when the child could not be collected and is left behind. */
int worker_collect(struct worker *w);
void worker_release(struct worker *w); /* idempotent; kills nothing */

/* Whether the child has ended by the deadline; then it is collected and *status set. */
bool worker_reap(pid_t pid, uint64_t deadline_ns, int *status);

#endif
