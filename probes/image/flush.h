/*
 * flush: syncfs with a deadline. The kernel's call cannot be interrupted and takes minutes on a
 * slow disk with much to write; so a thread of its own makes it, and the caller waits as long as it
 * likes. Unlinking what is not yet written is what ends it early.
 *
 * The thread is made by flush_open and waits. flush_run allocates nothing. One caller.
 */
#ifndef PROBES_IMAGE_FLUSH_H
#define PROBES_IMAGE_FLUSH_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/quota.h"
#include "probes/kit/err.h"

enum flush_state {
    FLUSH_IDLE,
    FLUSH_WANTED,
    FLUSH_DONE,
    FLUSH_LEAVING
};

struct flush {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* waits by CLOCK_MONOTONIC */
    enum flush_state state;
    int fd;     /* anything on the filesystem */
    int own_fd; /* of flush_within; -1 */
    int sys;    /* errno of the last call, 0 when it succeeded */
    uint64_t took_ns;
    bool is_open;
};

/* fd: borrowed until flush_release; -1 where only flush_within is called. */
int flush_open(struct flush *f, int fd, struct err *e);
/*
 * *took_ns is how long the sync took. ERR_TIMEOUT when it is not done by until_ns, ERR_INTERRUPTED
 * when *stopping becomes true first; then *took_ns is how long was waited, and it goes on. Another
 * call first waits for one that goes on.
 */
int flush_run(struct flush *f, uint64_t until_ns, const volatile sig_atomic_t *stopping,
              uint64_t *took_ns, struct err *e);
/*
 * The same of the filesystem that fd is on, for as long as the quota says. fd may be closed
 * afterwards, even while the sync goes on.
 */
int flush_within(struct flush *f, int fd, const struct quota *q, uint64_t *took_ns, struct err *e);
/* Waits for a sync that goes on; idempotent. */
void flush_release(struct flush *f);

#endif
