/*
 * memory: RAM and swap as the kernel counts them.
 * SOURCE: Linux Documentation/filesystems/proc.rst, meminfo: kB are 1024 bytes.
 */
#ifndef PROBES_HOST_MEMORY_H
#define PROBES_HOST_MEMORY_H

#include <stdint.h>

#include "probes/kit/facts.h"

/* The value of a line like "MemTotal:  2014060 kB". -1 when it is missing or malformed. */
int memory_parse(const char *meminfo, const char *key, uint64_t *bytes);
/* States host.memory and host.swap. */
void memory_state(int proc_fd, struct facts *f);

#endif
