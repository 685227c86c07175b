#include "probes/kit/throttle.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/file.h"
#include "probes/kit/pressure.h"

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

static unsigned throttle_line(const char *line, size_t size, unsigned count,
                              char paths[THROTTLE_PATHS][THROTTLE_PATH_BYTES])
{
    const char *first = memchr(line, ':', size);
    size_t rest = first ? size - (size_t)(first + 1 - line) : 0;
    const char *second = first ? memchr(first + 1, ':', rest) : NULL;
    if (!second || count == THROTTLE_PATHS)
        return count;
    size_t controllers = (size_t)(second - first - 1);
    size_t path = size - (size_t)(second + 1 - line);
    if (controllers > 0 && !throttle_has_cpu(first + 1, controllers))
        return count;
    if (path == 1)
        path = 0; /* "/" */
    int n = snprintf(paths[count], THROTTLE_PATH_BYTES, "/sys/fs/cgroup%s%.*s%.*s/cpu.stat",
                     controllers ? "/" : "", (int)controllers, first + 1, (int)path, second + 1);
    return n > 0 && n < THROTTLE_PATH_BYTES ? count + 1 : count;
}

unsigned throttle_paths(const char *cgroups, char paths[THROTTLE_PATHS][THROTTLE_PATH_BYTES])
{
    unsigned count = 0;
    for (const char *line = cgroups; *line;) {
        size_t size = strcspn(line, "\n");
        count = throttle_line(line, size, count, paths);
        line += size + (line[size] == '\n');
    }
    return count;
}

int throttle_read(int proc_fd, uint64_t *throttled_ns, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    char paths[THROTTLE_PATHS][THROTTLE_PATH_BYTES];
    if (file_read_at(proc_fd, "self/cgroup", &text, e))
        return -1;
    unsigned count = throttle_paths(buf_text(&text), paths);
    for (unsigned i = 0; i < count; i++) {
        if (!file_read_at(AT_FDCWD, paths[i], &text, e) &&
            !pressure_parse_throttled(buf_text(&text), throttled_ns, e)) {
            return 0;
        }
    }
    return count ? -1 : err_set(e, ERR_UNSUPPORTED, 0, "this process is in no CPU control group");
}
