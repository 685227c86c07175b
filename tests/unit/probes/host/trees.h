/*
 * trees: recorded /proc and /sys trees, opened from the root of the repository.
 */
#ifndef TESTS_UNIT_PROBES_HOST_TREES_H
#define TESTS_UNIT_PROBES_HOST_TREES_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct trees {
    int proc_fd, sys_fd;
};

static inline int trees_open_one(const char *name, const char *which)
{
    char path[160];
    (void)snprintf(path, sizeof path, "tests/unit/probes/host/fixtures/%s/%s", name, which);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A tree that has no sys gets a descriptor of proc: nothing of /sys is found there. */
static inline struct trees trees_open(const char *name)
{
    struct trees t = { .proc_fd = trees_open_one(name, "proc") };
    assert_true(t.proc_fd >= 0);
    t.sys_fd = trees_open_one(name, "sys");
    if (t.sys_fd < 0)
        t.sys_fd = trees_open_one(name, "proc");
    return t;
}

static inline void trees_close(struct trees *t)
{
    (void)close(t->proc_fd);
    (void)close(t->sys_fd);
}

#endif
