#include "probes/kit/throttle.h"

#include <fcntl.h>
#include <libmount.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    THROTTLE_STAT_BYTES = 1024 /* cpu.stat has ten lines at most */
};

/* One line of /proc/PID/cgroup. */
struct throttle_line {
    bool unified;
    char path[THROTTLE_PATH_BYTES];
};

/* Whether "cpu" is among the controllers "cpu,cpuacct" of `size` bytes. */
static bool throttle_has_cpu(const char *controllers, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t n = strcspn(controllers + at, ",:");
        if (n == 3 && strncmp(controllers + at, "cpu", n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

/* -1: a line of another controller, or none at all. */
static int throttle_parse(const char *line, size_t size, struct throttle_line *out)
{
    const char *first = memchr(line, ':', size);
    size_t rest = first ? size - (size_t)(first + 1 - line) : 0;
    const char *second = first ? memchr(first + 1, ':', rest) : NULL;
    if (!second)
        return -1;
    size_t controllers = (size_t)(second - first - 1);
    size_t path = size - (size_t)(second + 1 - line);
    if (controllers > 0 && !throttle_has_cpu(first + 1, controllers))
        return -1;
    if (path == 0 || path >= sizeof out->path || second[1] != '/')
        return -1;
    out->unified = controllers == 0;
    memcpy(out->path, second + 1, path);
    out->path[path] = '\0';
    return 0;
}

static bool throttle_is_mount(struct libmnt_fs *fs, bool unified)
{
    const char *type = mnt_fs_get_fstype(fs);
    if (!type || !mnt_fs_get_target(fs) || !mnt_fs_get_root(fs))
        return false;
    if (unified)
        return strcmp(type, "cgroup2") == 0;
    return strcmp(type, "cgroup") == 0 && mnt_fs_get_option(fs, "cpu", NULL, NULL) == 0;
}

/* The group below this mount, whose root may lie deeper than the hierarchy's. */
static bool throttle_place(struct libmnt_fs *fs, const char *path, struct throttle_group *g)
{
    const char *root = mnt_fs_get_root(fs);
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(path, root, size) == 0 && (path[size] == '/' || path[size] == '\0');
    const char *rest = below && strcmp(path + size, "/") != 0 ? path + size : "";
    int n = snprintf(g->mount, sizeof g->mount, "%s", mnt_fs_get_target(fs));
    int m = snprintf(g->path, sizeof g->path, "%s", rest);
    return n > 0 && n < (int)sizeof g->mount && m >= 0 && m < (int)sizeof g->path;
}

static bool throttle_mount(struct libmnt_table *mounts, const struct throttle_line *line,
                           struct throttle_group *g)
{
    struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *fs = NULL;
    bool found = false;
    while (iter && !found && mnt_table_next_fs(mounts, iter, &fs) == 0)
        found = throttle_is_mount(fs, line->unified) && throttle_place(fs, line->path, g);
    mnt_free_iter(iter);
    return found;
}

static struct libmnt_table *throttle_mounts(const char *mountinfo)
{
    AUTO_FREE char *text = strdup(mountinfo); /* a stream wants it writable */
    AUTO_FCLOSE FILE *stream = text && *text ? fmemopen(text, strlen(text), "r") : NULL;
    struct libmnt_table *mounts = mnt_new_table();
    if (stream && mounts)
        (void)mnt_table_parse_stream(mounts, stream, "mountinfo");
    return mounts;
}

unsigned throttle_find(const char *cgroups, const char *mountinfo,
                       struct throttle_group groups[THROTTLE_HIERARCHIES])
{
    struct libmnt_table *mounts = throttle_mounts(mountinfo);
    unsigned count = 0;
    while (mounts && *cgroups && count < THROTTLE_HIERARCHIES) {
        struct throttle_line line;
        size_t size = strcspn(cgroups, "\n");
        if (!throttle_parse(cgroups, size, &line))
            count += throttle_mount(mounts, &line, &groups[count]);
        cgroups += size + (cgroups[size] == '\n');
    }
    mnt_unref_table(mounts);
    return count;
}

/* The number of the line "KEY NUMBER". */
static bool throttle_number(const char *text, const char *key, uint64_t *value)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) != 0 || line[n] != ' ' || line[n + 1] < '0' || line[n + 1] > '9')
            continue;
        *value = strtoull(line + n + 1, NULL, 10);
        return true;
    }
    return false;
}

int throttle_add(const char *text, struct throttle_now *now)
{
    uint64_t throttles = 0;
    uint64_t us = 0;
    uint64_t ns = 0;
    if (throttle_number(text, "throttled_usec", &us))
        ns = us * CLK_NS_PER_US;
    else if (!throttle_number(text, "throttled_time", &ns))
        return -1;
    (void)throttle_number(text, "nr_throttled", &throttles);
    now->throttled_ns += ns;
    now->throttles += throttles;
    return 0;
}

static int throttle_read_one(int fd, struct throttle_now *now)
{
    char text[THROTTLE_STAT_BYTES];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    return throttle_add(text, now);
}

static int throttle_open_at(int sys_fd, const char *mount, const char *path)
{
    char whole[2 * THROTTLE_PATH_BYTES + 16];
    (void)snprintf(whole, sizeof whole, "%s%s/cpu.stat", mount, path);
    if (sys_fd >= 0 && strncmp(whole, "/sys/", 5) == 0)
        return openat(sys_fd, whole + 5, O_RDONLY | O_CLOEXEC);
    return open(whole, O_RDONLY | O_CLOEXEC);
}

/* The group and all above it, up to the mount. */
static void throttle_climb(struct throttle *t, int sys_fd, struct throttle_group *g)
{
    for (bool more = true; more && t->count < THROTTLE_GROUPS;) {
        struct throttle_now now = { 0 };
        int fd = throttle_open_at(sys_fd, g->mount, g->path);
        if (fd >= 0 && !throttle_read_one(fd, &now))
            t->fds[t->count++] = fd;
        else
            auto_close_fd(&fd);
        char *slash = strrchr(g->path, '/');
        more = slash != NULL;
        if (slash)
            *slash = '\0';
    }
}

int throttle_open(struct throttle *t, int proc_fd, int sys_fd, struct err *e)
{
    AUTO(buf) struct buf cgroups = { 0 };
    AUTO(buf) struct buf mounts = { 0 };
    struct throttle_group groups[THROTTLE_HIERARCHIES];
    *t = (struct throttle)THROTTLE_NONE;
    if (file_read_at(proc_fd, "self/cgroup", &cgroups, e) ||
        file_read_at(proc_fd, "self/mountinfo", &mounts, e)) {
        return -1;
    }
    unsigned count = throttle_find(buf_text(&cgroups), buf_text(&mounts), groups);
    for (unsigned i = 0; i < count; i++)
        throttle_climb(t, sys_fd, &groups[i]);
    return t->count ? 0
                    : err_set(e, ERR_UNSUPPORTED, 0, "no CPU control group of ours can be seen");
}

int throttle_read(const struct throttle *t, struct throttle_now *now)
{
    unsigned read = 0;
    *now = (struct throttle_now){ 0 };
    for (unsigned i = 0; i < t->count; i++)
        read += throttle_read_one(t->fds[i], now) == 0;
    return read ? 0 : -1;
}

void throttle_release(struct throttle *t)
{
    for (unsigned i = 0; i < t->count; i++)
        (void)close(t->fds[i]);
    *t = (struct throttle)THROTTLE_NONE;
}
