/*
 * resident: how much of a file the page cache of this host holds.
 */
#ifndef PROBES_DISK_RESIDENT_H
#define PROBES_DISK_RESIDENT_H

#include <stdint.h>

/*
 * Share of the file's first `bytes` that is in the page cache, 0..1; reads and changes nothing. NAN
 * where the kernel does not say (it tells only who owns the file or may write to it).
 * SOURCE: mincore(2).
 */
double resident_ratio(int fd, uint64_t bytes);

#endif
