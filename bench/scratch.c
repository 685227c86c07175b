#include "bench/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/prng.h"

static const char scratch_prefix[] = ".plimsoll-";

enum {
    SCRATCH_TRIES = 16
};

/* Whether the name still leads to the directory that fd holds: a sweeper may have been faster. */
static bool scratch_is(int parent_fd, const char *name, int fd)
{
    struct stat here;
    struct stat there;
    return !fstat(fd, &here) && !fstatat(parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) &&
           here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static int scratch_open_dir(int parent_fd, const char *name)
{
    return openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * Removes it when it is ours and nobody holds its lock. The lock is held until it is gone: a run
 * that has just made it, and not locked it yet, finds it taken and makes another.
 */
static bool scratch_reclaim(int parent_fd, const char *name)
{
    struct err ignored;
    struct stat st;
    if (strncmp(name, scratch_prefix, sizeof scratch_prefix - 1) != 0)
        return false;
    AUTO_CLOSE int fd = scratch_open_dir(parent_fd, name);
    if (fd < 0 || fstat(fd, &st) || st.st_uid != geteuid())
        return false;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && scratch_is(parent_fd, name, fd) &&
           file_remove_tree_at(parent_fd, name, &ignored) == 0;
}

unsigned scratch_sweep(int parent_fd)
{
    int again = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (!dir) {
        auto_close_fd(&again);
        return 0;
    }
    unsigned swept = 0;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) // NOLINT(concurrency-mt-unsafe)
        swept += scratch_reclaim(parent_fd, d->d_name);
    (void)closedir(dir);
    return swept;
}

static void scratch_draw_name(char name[32])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t random = prng_entropy();
    char tail[9] = { 0 };
    for (size_t i = 0; i + 1 < sizeof tail; i++)
        tail[i] = letters[random >> 5 * i & 31];
    (void)snprintf(name, 32, "%s%s", scratch_prefix, tail);
}

/* Makes and locks one; -1 with errno when it did not work, or another's sweep took it. */
static int scratch_try(struct scratch *s)
{
    scratch_draw_name(s->name);
    if (mkdirat(s->parent_fd, s->name, 0700))
        return -1;
    s->fd = scratch_open_dir(s->parent_fd, s->name);
    if (s->fd >= 0 && !flock(s->fd, LOCK_EX | LOCK_NB) &&
        scratch_is(s->parent_fd, s->name, s->fd)) {
        return 0;
    }
    auto_close_fd(&s->fd);
    s->fd = -1;
    errno = EEXIST;
    return -1;
}

int scratch_open(const char *dir, struct scratch *s, struct err *e)
{
    *s = (struct scratch)SCRATCH_CLOSED;
    s->parent_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->parent_fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open --dir '%s'", dir);
    (void)scratch_sweep(s->parent_fd);
    for (unsigned i = 0; i < SCRATCH_TRIES; i++) {
        if (!scratch_try(s))
            return 0;
        if (errno != EEXIST)
            break;
    }
    int sys = errno;
    scratch_release(s);
    return err_set(e, err_kind_of(sys), sys,
                   "make a scratch directory below --dir '%s'; name a directory on a disk", dir);
}

int scratch_room(const struct scratch *s, const char *name, struct err *e)
{
    if (mkdirat(s->fd, name, 0700))
        return err_set(e, err_kind_of(errno), errno, "make '%s' in the scratch directory", name);
    int fd = scratch_open_dir(s->fd, name);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s' in the scratch directory", name);
    return fd;
}

int scratch_clear(const struct scratch *s, const char *name, struct err *e)
{
    return file_remove_tree_at(s->fd, name, e);
}

int scratch_remove(const struct scratch *s, struct err *e)
{
    if (s->fd < 0)
        return 0;
    int failed = file_remove_tree_at(s->parent_fd, s->name, e);
    (void)scratch_sweep(s->parent_fd);
    return failed;
}

void scratch_close(struct scratch *s)
{
    auto_close_fd(&s->fd);
    auto_close_fd(&s->parent_fd);
    *s = (struct scratch)SCRATCH_CLOSED;
}

void scratch_release(struct scratch *s)
{
    struct err ignored; /* what cannot be removed now is swept by the next run */
    (void)scratch_remove(s, &ignored);
    scratch_close(s);
}
