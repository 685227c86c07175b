/*
 * affinity: the CPUs that this process may run on, and a thread's place on one of them.
 */
#ifndef PROBES_KIT_AFFINITY_H
#define PROBES_KIT_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

/*
 * Writes at most `most` numbers of CPUs, ascending, however large the kernel's mask is; how many
 * there were written, at least 1. -1: the mask cannot be had.
 */
int affinity_cpus(uint32_t *cpus, unsigned most, struct err *e);
/* Binds the calling thread; false where a cpuset forbids it or the CPU is gone. */
bool affinity_pin(uint32_t cpu);

#endif
