#include "probes/noise/room.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    ROOM_PATH_BYTES = 512
};

uint64_t room_parse_available(const char *meminfo)
{
    static const char key[] = "MemAvailable:";
    const char *at = strstr(meminfo, key);
    if (!at)
        return 0;
    errno = 0;
    unsigned long long kib = strtoull(at + sizeof key - 1, NULL, 10);
    return errno || kib > UINT64_MAX / 1024 ? 0 : kib * 1024;
}

/* "max" and numbers that are no limit leave it as it is. */
static void room_lower(int sys_fd, const char *path, uint64_t *limit)
{
    struct err ignored;
    uint64_t bytes = 0;
    if (!file_u64_at(sys_fd, path, &bytes, &ignored) && bytes > 0 && bytes < *limit)
        *limit = bytes;
}

/* A group and all above it, to the root of the mount. */
static void room_climb(int sys_fd, const char *root, const char *name, char *group, uint64_t *limit)
{
    char path[ROOM_PATH_BYTES + 64];
    for (;;) {
        (void)snprintf(path, sizeof path, "%s%s/%s", root, group, name);
        room_lower(sys_fd, path, limit);
        char *slash = strrchr(group, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

/* Whether a comma-separated list holds "memory". */
static bool room_is_memory(const char *list, size_t n)
{
    static const char word[] = "memory";
    const size_t size = sizeof word - 1;
    for (const char *at = list; at < list + n; at += strcspn(at, ",:") + 1) {
        if (strncmp(at, word, size) == 0 && (at[size] == ',' || at[size] == ':'))
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "0::/PATH" or "9:memory:/PATH". */
static void room_look(int sys_fd, const char *line, uint64_t *limit)
{
    char group[ROOM_PATH_BYTES];
    const char *list = memchr(line, ':', strcspn(line, "\n"));
    const char *path = list ? memchr(list + 1, ':', strcspn(list + 1, "\n")) : NULL;
    if (!path || path[1] != '/')
        return;
    size_t n = strcspn(path + 1, "\n");
    if (n >= sizeof group)
        return;
    memcpy(group, path + 1, n);
    group[n] = '\0';
    if (path == list + 1)
        room_climb(sys_fd, "fs/cgroup", "memory.max", group, limit);
    else if (room_is_memory(list + 1, (size_t)(path - list - 1)))
        room_climb(sys_fd, "fs/cgroup/memory", "memory.limit_in_bytes", group, limit);
}

uint64_t room_limit_bytes(int sys_fd, const char *cgroups)
{
    uint64_t limit = UINT64_MAX;
    while (*cgroups) {
        room_look(sys_fd, cgroups, &limit);
        cgroups += strcspn(cgroups, "\n");
        cgroups += *cgroups == '\n';
    }
    return limit;
}

uint64_t room_bytes(int proc_fd, int sys_fd)
{
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf groups = { 0 };
    struct err ignored;
    uint64_t available = file_read_at(proc_fd, "meminfo", &text, &ignored)
                             ? 0
                             : room_parse_available(buf_text(&text));
    uint64_t limit = file_read_at(proc_fd, "self/cgroup", &groups, &ignored)
                         ? UINT64_MAX
                         : room_limit_bytes(sys_fd, buf_text(&groups));
    if (limit == UINT64_MAX)
        return available;
    return available && available < limit ? available : limit;
}
