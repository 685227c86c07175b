/*
 * cgroup: which version is mounted, and which controllers there are.
 *
 * SOURCE: kubernetes system-validators validators/cgroup_validator_linux.go: with v2 the
 * controllers of cgroup.controllers, and "devices" from kernel 4.15 (it is eBPF) and "freezer"
 * from 5.2 (it is cgroup.freeze); with v1 the options of the mounts.
 */
#ifndef PROBES_HOST_CGROUP_H
#define PROBES_HOST_CGROUP_H

#include <stdbool.h>

#include "probes/kit/facts.h"

enum {
    CGROUP_PATH_BYTES = 128
};

struct cgroup {
    bool v1, v2;                        /* mounted; v1 counts with a controller only */
    char v2_mount[CGROUP_PATH_BYTES];   /* mount points; "" when there is none */
    char pids_mount[CGROUP_PATH_BYTES]; /* of v1 */
    char cpu_mount[CGROUP_PATH_BYTES];  /* of v1 */
    char controllers[320];              /* of v1, separated by blanks, each once */
};

/* Reads the text of /proc/mounts. */
void cgroup_parse_mounts(const char *mounts, struct cgroup *c);
/* "1", "2", "hybrid" or "none". */
const char *cgroup_version(const struct cgroup *c);
/* Adds the words of cgroup.controllers, and what v2 has without a controller at that kernel. */
void cgroup_add_v2(struct cgroup *c, const char *controllers, unsigned kernel);
/* States host.cgroup.version and host.cgroup.controllers. kernel as kernel_version gives it. */
void cgroup_state(int proc_fd, int sys_fd, unsigned kernel, struct facts *f);

#endif
