/*
 * cache: how large the last-level cache of the processors is, as the kernel says.
 * SOURCE: Linux Documentation/ABI/testing/sysfs-devices-system-cpu, cache/index<n>/{level,size}.
 */
#ifndef PROBES_NOISE_CACHE_H
#define PROBES_NOISE_CACHE_H

#include <stdint.h>

/* "32768K", "24M": bytes; 0 when it is neither. */
uint64_t cache_parse_size(const char *text);
/* The largest cache of the highest level among these CPUs; 0 when /sys tells of none. */
uint64_t cache_last_level_bytes(int sys_fd, const uint32_t *cpus, unsigned count);

#endif
