#include "probes/image/flush.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

#define FLUSH_LOOK_NS (20 * (uint64_t)CLK_NS_PER_MS) /* how often *stopping is looked at */

static void *flush_thread(void *arg)
{
    struct flush *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    while (f->state != FLUSH_LEAVING) {
        if (f->state != FLUSH_WANTED) {
            (void)pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&f->lock);
        uint64_t start_ns = clk_now_ns();
        int sys = syncfs(f->fd) ? errno : 0;
        uint64_t took_ns = clk_now_ns() - start_ns;
        (void)pthread_mutex_lock(&f->lock);
        f->sys = sys;
        f->took_ns = took_ns;
        if (f->state == FLUSH_WANTED)
            f->state = FLUSH_DONE;
        (void)pthread_cond_broadcast(&f->changed);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

int flush_open(struct flush *f, int fd, struct err *e)
{
    pthread_condattr_t attr;
    *f = (struct flush){ .fd = fd, .own_fd = -1 };
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    int sys = pthread_create(&f->thread, NULL, flush_thread, f);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "start a thread for syncfs");
    f->is_open = true;
    return 0;
}

/* With the lock held: until done, the deadline, or stopping. */
static void flush_wait(struct flush *f, uint64_t until_ns, const volatile sig_atomic_t *stopping)
{
    uint64_t now_ns = clk_now_ns();
    while (f->state == FLUSH_WANTED && now_ns < until_ns && !*stopping) {
        uint64_t look_ns = now_ns + FLUSH_LOOK_NS < until_ns ? now_ns + FLUSH_LOOK_NS : until_ns;
        struct timespec when = clk_timespec(look_ns);
        (void)pthread_cond_timedwait(&f->changed, &f->lock, &when);
        now_ns = clk_now_ns();
    }
}

int flush_run(struct flush *f, uint64_t until_ns, const volatile sig_atomic_t *stopping,
              uint64_t *took_ns, struct err *e)
{
    uint64_t start_ns = clk_now_ns();
    (void)pthread_mutex_lock(&f->lock);
    flush_wait(f, until_ns, stopping); /* for one of before that goes on */
    if (f->state != FLUSH_WANTED) {
        f->state = FLUSH_WANTED;
        (void)pthread_cond_broadcast(&f->changed);
        flush_wait(f, until_ns, stopping);
    }
    bool done = f->state == FLUSH_DONE;
    int sys = f->sys;
    *took_ns = done ? f->took_ns : clk_now_ns() - start_ns;
    (void)pthread_mutex_unlock(&f->lock);
    if (done)
        return sys ? err_set(e, err_kind_of(sys), sys, "syncfs") : 0;
    if (*stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted during the sync of the filesystem");
    return err_set(
        e, ERR_TIMEOUT, 0,
        "the sync of the filesystem did not end in time; give a longer --budget or name a "
        "--dir on a faster disk");
}

/* The thread's own descriptor, unless it is still at work with another one. */
static int flush_own(struct flush *f, int fd, struct err *e)
{
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0)
        return err_set(e, err_kind_of(errno), errno, "sync the filesystem");
    (void)pthread_mutex_lock(&f->lock);
    int idle_fd = f->state == FLUSH_WANTED ? own_fd : f->own_fd;
    if (f->state != FLUSH_WANTED) {
        f->fd = own_fd;
        f->own_fd = own_fd;
    }
    (void)pthread_mutex_unlock(&f->lock);
    auto_close_fd(&idle_fd);
    return 0;
}

int flush_within(struct flush *f, int fd, const struct quota *q, uint64_t *took_ns, struct err *e)
{
    static const volatile sig_atomic_t never = 0;
    return flush_own(f, fd, e) || flush_run(f, q->until_ns ? q->until_ns : UINT64_MAX,
                                            q->stopping ? q->stopping : &never, took_ns, e)
               ? -1
               : 0;
}

void flush_release(struct flush *f)
{
    if (!f->is_open)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->state = FLUSH_LEAVING;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    auto_close_fd(&f->own_fd);
    f->is_open = false;
}
