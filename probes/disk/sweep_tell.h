/*
 * sweep_tell: what a sweep says of itself when it is over: the knee, notes, doubts.
 */
#ifndef PROBES_DISK_SWEEP_TELL_H
#define PROBES_DISK_SWEEP_TELL_H

#include "probes/probe.h"

/* The judge of both probes. */
void sweep_tell_judge(struct probe_run *run);

#endif
