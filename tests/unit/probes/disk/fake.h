/*
 * fake: an engine that does what a test tells it, and a temporary directory that is gone in the
 * end.
 */
#ifndef TESTS_UNIT_PROBES_DISK_FAKE_H
#define TESTS_UNIT_PROBES_DISK_FAKE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/disk/engine.h"
#include "probes/kit/err.h"
#include "probes/kit/file.h"
#include "probes/kit/tick.h"

struct fake {
    struct engine_io waiting[ENGINE_DEPTH_MAX];
    unsigned waiting_count;
    unsigned most_waiting;
    unsigned most_at_once; /* asked for in one submit */
    unsigned submitted;
    unsigned reaped;
    unsigned closed;
    unsigned fail_at; /* the n-th I/O, from 1; 0: none */
    int32_t fail_with;
    unsigned most_least; /* completions waited for at once */
    unsigned take_most;  /* of one submit; 0: all */
    unsigned give_most;  /* of one reap; 0: all */
    int submit_fails;    /* -errno */
    unsigned stop_at;    /* the n-th I/O sets *stopping */
    volatile sig_atomic_t *stopping;
    bool unsupported;
    bool refuses_open;
    bool silent;                        /* never completes anything */
    bool twice[ENGINE_DEPTH_MAX];       /* a slot in flight; handed over again is a fault */
    unsigned by_slot[ENGINE_DEPTH_MAX]; /* submitted */
    unsigned faults;
    /* A disk with a time of its own: one I/O after the other, each for service_ns. */
    uint64_t service_ns;                  /* 0: answers at once, and no time passes */
    uint64_t handing_ns;                  /* time that one submit takes */
    uint64_t stall_from_ns, stall_to_ns;  /* nothing is answered meanwhile */
    uint64_t now_ns;                      /* what fake_tick reads */
    uint64_t busy_ns;                     /* until then the disk has work */
    uint64_t answer_ns[ENGINE_DEPTH_MAX]; /* by place in waiting */
    uint64_t slept_ns;                    /* in reap and sleep_until */
};

static struct fake fake;

enum {
    FAKE_READING_NS = 20, /* of its clock */
    FAKE_POLL_NS = 1000
};

static inline uint64_t fake_read_ns(void)
{
    return fake.now_ns += FAKE_READING_NS;
}

static inline int fake_sleep_until(uint64_t when_ns)
{
    uint64_t pause_ns = when_ns > fake.now_ns ? when_ns - fake.now_ns : 0;
    fake.now_ns += pause_ns;
    fake.slept_ns += pause_ns;
    return 0;
}

static const struct tick fake_tick = { .read_ns = fake_read_ns, .sleep_until = fake_sleep_until };

static inline uint64_t fake_answer_ns(void)
{
    uint64_t from_ns = fake.now_ns > fake.busy_ns ? fake.now_ns : fake.busy_ns;
    uint64_t answer_ns = from_ns + fake.service_ns;
    if (answer_ns >= fake.stall_from_ns && answer_ns < fake.stall_to_ns)
        answer_ns = fake.stall_to_ns + fake.service_ns;
    return fake.busy_ns = answer_ns;
}

/* Lets time pass until the first of those waiting is answered; whether it is. */
static inline bool fake_wait(unsigned least, uint64_t timeout_ns)
{
    if (fake.service_ns == 0)
        return true;
    uint64_t end_ns = fake.now_ns + (least ? timeout_ns : FAKE_POLL_NS);
    bool answered = fake.waiting_count > 0 && fake.answer_ns[0] <= end_ns;
    if (least)
        (void)fake_sleep_until(answered ? fake.answer_ns[0] : end_ns);
    else
        fake.now_ns = end_ns;
    return answered;
}

static inline int fake_supported(struct err *e)
{
    return fake.unsupported ? err_set(e, ERR_UNSUPPORTED, 0, "fake is switched off") : 0;
}

static inline int fake_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    (void)conf;
    if (fake.refuses_open)
        return err_set(e, ERR_NO_RESOURCE, ENOMEM, "fake opens");
    en->state = &fake;
    return 0;
}

static inline int fake_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    (void)en;
    if (fake.submit_fails)
        return fake.submit_fails;
    fake.now_ns += fake.handing_ns;
    fake.most_at_once = count > fake.most_at_once ? count : fake.most_at_once;
    unsigned most = fake.take_most && fake.take_most < count ? fake.take_most : count;
    for (unsigned i = 0; i < most; i++) {
        fake.faults += fake.twice[ios[i].slot];
        fake.twice[ios[i].slot] = true;
        fake.by_slot[ios[i].slot]++;
        fake.answer_ns[fake.waiting_count] = fake_answer_ns();
        fake.waiting[fake.waiting_count++] = ios[i];
        if (++fake.submitted == fake.stop_at && fake.stopping)
            *fake.stopping = 1;
    }
    if (fake.waiting_count > fake.most_waiting)
        fake.most_waiting = fake.waiting_count;
    return (int)most;
}

static inline int fake_reap(struct engine *en, struct engine_done *done, unsigned least,
                            unsigned most, uint64_t timeout_ns)
{
    (void)en;
    unsigned n = 0;
    fake.most_least = least > fake.most_least ? least : fake.most_least;
    if (fake.silent || !fake_wait(least, timeout_ns))
        return 0;
    most = fake.give_most && fake.give_most < most ? fake.give_most : most;
    for (; n < most && fake.waiting_count > 0 && fake.answer_ns[0] <= fake.now_ns; n++) {
        struct engine_io io = fake.waiting[0];
        memmove(fake.waiting, fake.waiting + 1, --fake.waiting_count * sizeof io);
        memmove(fake.answer_ns, fake.answer_ns + 1, fake.waiting_count * sizeof fake.answer_ns[0]);
        fake.twice[io.slot] = false;
        bool fails = ++fake.reaped == fake.fail_at;
        done[n] = (struct engine_done){ .slot = io.slot,
                                        .result = fails ? fake.fail_with : (int32_t)io.bytes };
    }
    return (int)n;
}

static inline void fake_close(struct engine *en)
{
    fake.closed++;
    en->state = NULL;
}

static const struct engine_row fake_row = {
    .name = "fake",
    .title = "the fake engine",
    .queues = true,
    .supported = fake_supported,
    .open = fake_open,
    .submit = fake_submit,
    .reap = fake_reap,
    .close = fake_close,
};

/* A new directory; its path is in `path`. */
static inline int fake_dir(char path[64])
{
    (void)snprintf(path, 64, "/var/tmp/disk_test.XXXXXX");
    return mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static inline void fake_dir_remove(int fd, const char *path)
{
    struct err ignored;
    (void)close(fd);
    (void)file_remove_tree_at(AT_FDCWD, path, &ignored);
}

/* How many names are in a directory. */
static inline unsigned fake_names(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return 999;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) // NOLINT(concurrency-mt-unsafe)
        count += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    (void)closedir(dir);
    return count;
}

#endif
