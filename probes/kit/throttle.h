/*
 * throttle: how long the CPU quota of our own control group has held us back.
 * SOURCE: Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/cgroups.rst;
 * /proc/self/cgroup has "0::PATH" for v2 and "ID:cpu,cpuacct:PATH" for v1.
 */
#ifndef PROBES_KIT_THROTTLE_H
#define PROBES_KIT_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    THROTTLE_PATH_BYTES = 512,
    THROTTLE_PATHS = 3
};

/*
 * Where the cpu.stat of a process may be, best first, from the text of its /proc/PID/cgroup; how
 * many were written. Pure.
 */
unsigned throttle_paths(const char *cgroups, char paths[THROTTLE_PATHS][THROTTLE_PATH_BYTES]);

/* Total since the group was made. -1: no such control group is mounted where it usually is. */
int throttle_read(int proc_fd, uint64_t *throttled_ns, struct err *e);

#endif
