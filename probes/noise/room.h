/*
 * room: memory that can be taken without harm: what the kernel calls available, and no more than
 * the memory limit of our own control group or one above it.
 * SOURCE: Linux Documentation/filesystems/proc.rst (MemAvailable, kB of 1024 bytes),
 * admin-guide/cgroup-v2.rst (memory.max), cgroup-v1/memory.rst (memory.limit_in_bytes).
 */
#ifndef PROBES_NOISE_ROOM_H
#define PROBES_NOISE_ROOM_H

#include <stdint.h>

/* MemAvailable in the text of /proc/meminfo; 0 when it is not told (before Linux 3.14). */
uint64_t room_parse_available(const char *meminfo);
/* The smallest limit on the way up, from the text of /proc/self/cgroup; UINT64_MAX: none. */
uint64_t room_limit_bytes(int sys_fd, const char *cgroups);
/* The smaller of the two; 0 when nothing is known. */
uint64_t room_bytes(int proc_fd, int sys_fd);

#endif
