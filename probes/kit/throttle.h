/*
 * throttle: how long CPU quotas have held us back: that of our own control group and those of the
 * groups above it, which bind us as well.
 * SOURCE: Linux Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst and
 * cgroup-v1/cgroups.rst; /proc/self/cgroup has "0::PATH" for v2 and "ID:cpu,cpuacct:PATH" for v1;
 * both paths and the roots in mountinfo are seen from our cgroup namespace.
 */
#ifndef PROBES_KIT_THROTTLE_H
#define PROBES_KIT_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    THROTTLE_PATH_BYTES = 512,
    THROTTLE_HIERARCHIES = 2, /* v1 and v2 may be mounted together; one has the controller */
    THROTTLE_GROUPS = 16      /* ours and those above it; systemd nests six deep */
};

/* Where a group is in one hierarchy. */
struct throttle_group {
    char mount[THROTTLE_PATH_BYTES]; /* "/sys/fs/cgroup/cpu" */
    char path[THROTTLE_PATH_BYTES];  /* below it: "/docker/1f"; "" for the mount itself */
};

struct throttle_now {
    uint64_t throttled_ns; /* of all these groups and over all CPUs; counted when it ends */
    uint64_t throttles;    /* periods in which one of them was */
};

struct throttle {
    int fds[THROTTLE_GROUPS]; /* cpu.stat */
    unsigned count;
};

#define THROTTLE_NONE                                                                              \
    {                                                                                              \
        .count = 0                                                                                 \
    }

/*
 * Groups that may have the CPU controller, from the texts of /proc/PID/cgroup and
 * /proc/PID/mountinfo; how many were written.
 */
unsigned throttle_find(const char *cgroups, const char *mountinfo,
                       struct throttle_group groups[THROTTLE_HIERARCHIES]);
/* Adds what the text of a cpu.stat, v1 or v2, says. -1: it has no throttling, as a root's. Pure. */
int throttle_add(const char *text, struct throttle_now *now);

/* Descriptors of /proc and /sys, or of recorded trees. -1: no group of ours can be seen. */
int throttle_open(struct throttle *t, int proc_fd, int sys_fd, struct err *e);
/* Allocates nothing. -1: none could be read. */
int throttle_read(const struct throttle *t, struct throttle_now *now);
void throttle_release(struct throttle *t); /* idempotent */

#endif
