/*
 * census: all that can be known of a tree, a line an entry, sorted, so that two can be compared.
 */
#ifndef TESTS_UNIT_PROBES_IMAGE_CENSUS_H
#define TESTS_UNIT_PROBES_IMAGE_CENSUS_H

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/kit/buf.h"

enum {
    CENSUS_NAMES = 512,
    CENSUS_RECENT_S = 1750000000 /* later than what the tests' archives say: it is the present */
};

static inline uint64_t census_content(int dir, const char *path)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    uint8_t bytes[4096];
    ssize_t n = 0;
    int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    }
    if (fd >= 0)
        (void)close(fd);
    return sum;
}

static inline void census_xattrs(int dir, const char *path, struct buf *out)
{
    char value[256];
    char whole[PATH_MAX];
    static const char *const names[] = { "user.a", "trusted.a", "security.a",
                                         "trusted.overlay.opaque" };
    (void)snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", dir, path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ssize_t n = lgetxattr(whole, names[i], value, sizeof value);
        if (n >= 0)
            buf_addf(out, " %s=%.*s", names[i], (int)n, value);
    }
}

static inline void census_entry(int dir, const char *path, struct buf *out)
{
    struct stat st;
    char target[512] = { 0 };
    if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW))
        return;
    buf_addf(out, "%s %o %u:%u %u", path, st.st_mode, st.st_uid, st.st_gid, (unsigned)st.st_rdev);
    if (st.st_mtim.tv_sec < CENSUS_RECENT_S)
        buf_addf(out, " %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    if (st.st_atim.tv_sec < CENSUS_RECENT_S && !S_ISLNK(st.st_mode))
        buf_addf(out, " %lld.%09ld", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec);
    if (!S_ISDIR(st.st_mode))
        buf_addf(out, " %lld %u", (long long)st.st_size, (unsigned)st.st_nlink);
    if (S_ISLNK(st.st_mode) && readlinkat(dir, path, target, sizeof target - 1) > 0)
        buf_addf(out, " > %s", target);
    if (S_ISREG(st.st_mode))
        buf_addf(out, " %" PRIx64, census_content(dir, path));
    census_xattrs(dir, path, out);
    buf_adds(out, "\n");
}

static inline int census_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `at` is "." for the whole tree. Access times are read before the names are. */
static inline void census_take(int dir, const char *at, struct buf *out)
{
    char *names[CENSUS_NAMES];
    size_t count = 0;
    census_entry(dir, at, out);
    DIR *d = fdopendir(openat(dir, at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!d)
        return;
    for (struct dirent *e = readdir(d); e && count < CENSUS_NAMES; e = readdir(d)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            names[count++] = strdup(e->d_name);
    }
    (void)closedir(d);
    qsort(names, count, sizeof *names, census_order);
    for (size_t i = 0; i < count; i++) {
        struct buf path = { 0 };
        buf_addf(&path, "%s/%s", at, names[i]);
        census_take(dir, buf_text(&path), out);
        buf_release(&path);
        free(names[i]);
    }
}

#endif
