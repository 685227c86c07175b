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
    unsigned take_most; /* of one submit; 0: all */
    unsigned give_most; /* of one reap; 0: all */
    int submit_fails;   /* -errno */
    unsigned stop_at;   /* the n-th I/O sets *stopping */
    volatile sig_atomic_t *stopping;
    bool unsupported;
    bool refuses_open;
    bool silent;                  /* never completes anything */
    bool twice[ENGINE_DEPTH_MAX]; /* a slot in flight; handed over again is a fault */
    unsigned faults;
};

static struct fake fake;

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
    fake.most_at_once = count > fake.most_at_once ? count : fake.most_at_once;
    unsigned most = fake.take_most && fake.take_most < count ? fake.take_most : count;
    for (unsigned i = 0; i < most; i++) {
        fake.faults += fake.twice[ios[i].slot];
        fake.twice[ios[i].slot] = true;
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
    (void)least;
    (void)timeout_ns;
    unsigned n = 0;
    if (fake.silent)
        return 0;
    most = fake.give_most && fake.give_most < most ? fake.give_most : most;
    for (; n < most && fake.waiting_count > 0; n++) {
        struct engine_io io = fake.waiting[0];
        memmove(fake.waiting, fake.waiting + 1, --fake.waiting_count * sizeof io);
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
