#include "probes/disk/workers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    WORKERS_STAT_BYTES = 1024,
    WORKERS_UTIME = 14 /* field of stat, counted from 1; stime follows */
};

/* The text from field 14 on; fields are counted behind the ")" since a name may hold anything. */
static const char *workers_utime(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (unsigned field = 2; at && field < WORKERS_UTIME; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at;
}

static void workers_add(int task_fd, const char *tid, struct workers *w)
{
    char path[300];
    char line[WORKERS_STAT_BYTES];
    struct err ignored;
    (void)snprintf(path, sizeof path, "%s/comm", tid);
    if (file_line_at(task_fd, path, line, sizeof line, &ignored) ||
        strncmp(line, "iou-wrk-", 8) != 0)
        return;
    w->count++;
    (void)snprintf(path, sizeof path, "%s/stat", tid);
    if (file_line_at(task_fd, path, line, sizeof line, &ignored))
        return;
    const char *at = workers_utime(line);
    char *end = NULL;
    if (!at)
        return;
    w->cpu_ticks += strtoull(at, &end, 10);
    w->cpu_ticks += strtoull(end, NULL, 10);
}

void workers_read(int proc_fd, struct workers *w)
{
    *w = (struct workers){ 0 };
    int fd = openat(proc_fd, "self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        auto_close_fd(&fd);
        return;
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) { // NOLINT(concurrency-mt-unsafe)
        if (d->d_name[0] != '.')
            workers_add(fd, d->d_name, w);
    }
    (void)closedir(dir);
}

void workers_tell(const struct workers *before, const struct probe_run *run)
{
    struct workers now;
    workers_read(run->site->proc_fd, &now);
    long hz = sysconf(_SC_CLK_TCK);
    if (hz <= 0 || now.count == 0 || now.cpu_ticks <= before->cpu_ticks)
        return;
    result_note(run->result,
                "This target makes io_uring hand requests to kernel worker threads (%u iou-wrk "
                "threads, %.2f s of CPU): latencies include that detour; compare with --set "
                "%s.engine=aio.",
                now.count, (double)(now.cpu_ticks - before->cpu_ticks) / (double)hz,
                run->result->probe);
}
