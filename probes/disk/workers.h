/*
 * workers: the kernel threads (iou-wrk-*) to which io_uring hands what a target cannot do without
 * blocking. They cost CPU and latency that no other figure shows.
 */
#ifndef PROBES_DISK_WORKERS_H
#define PROBES_DISK_WORKERS_H

#include <stdint.h>

#include "probes/probe.h"

struct workers {
    unsigned count;
    uint64_t cpu_ticks; /* user and system, in USER_HZ */
};

/*
 * Those of this process, from self/task below a /proc or a recorded tree; none when it cannot be
 * read. SOURCE: proc(5): task/TID/comm; task/TID/stat fields 14 and 15.
 */
void workers_read(int proc_fd, struct workers *w);
/* Notes those that have worked since `before`, if any, and how to do without. For judge. */
void workers_tell(const struct workers *before, const struct probe_run *run);

#endif
