/*
 * subgroup: a control group of our own below the root of a hierarchy, with a limit and a process in
 * it, as a container runtime makes them; removed again.
 *
 * Named plimsoll-PID, so that a later run knows which are of dead processes and removes them.
 * plimsoll-PID-pids also says that the pids controller was handed down for it, and is to be taken
 * back: the name is there before that is done.
 */
#ifndef PROBES_HOST_SUBGROUP_H
#define PROBES_HOST_SUBGROUP_H

#include <stdbool.h>

#include "probes/host/attempt.h"

/* The remark names the limits that could be set. */
attempt_body subgroup_try;

/* The process in such a name; 0 when it is none of ours. handed_down as above. */
int subgroup_owner(const char *name, bool *handed_down);
/* Removes what dead processes left below an open directory of cgroups; how many. */
unsigned subgroup_sweep(int dirfd, int proc_fd);

#endif
