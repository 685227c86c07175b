/*
 * disk: the probes of this family.
 */
#ifndef PROBES_DISK_DISK_H
#define PROBES_DISK_DISK_H

#include "probes/probe.h"

extern const struct probe disk_wal;
extern const struct probe disk_read;
extern const struct probe disk_write;
extern const struct probe disk_stream;
extern const struct probe disk_files;
extern const struct probe disk_mixed;
extern const struct probe disk_flush;
extern const struct probe disk_burst;
extern const struct probe disk_class;

#endif
