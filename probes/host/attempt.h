/*
 * attempt: one thing is tried in a child of its own, with a deadline, so that a kernel that hangs
 * or kills costs that one answer. Namespaces and mounts of the child vanish with it; it dies with
 * us.
 */
#ifndef PROBES_HOST_ATTEMPT_H
#define PROBES_HOST_ATTEMPT_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    ATTEMPT_REMARK_BYTES = 256
};

struct attempt {
    int proc_fd;    /* /proc */
    int scratch_fd; /* a private directory; whoever gave it empties it */
    const void *arg;
    char remark[ATTEMPT_REMARK_BYTES]; /* of the body, beside a success */
};

/* 0: it works. -1: *e says what did not. Runs in the child. */
typedef int attempt_body(struct attempt *a, struct err *e);

/*
 * Runs the body. Beyond what the body says, -1 with ERR_TIMEOUT (no answer by the deadline; the
 * child is killed, or left to the kernel), ERR_INTERRUPTED (*stopping) or ERR_IO (it died).
 */
int attempt_run(struct attempt *a, attempt_body *body, uint64_t deadline_ns,
                const volatile sig_atomic_t *stopping, struct err *e);

/* For a child of a child: dies with its parent. -1 when that is dead already. */
int attempt_follow(int parent);

#endif
