/*
 * sweep: random I/O past the page cache at several queue depths, one depth a repetition in turns,
 * so that all see the same weather. disk.read and disk.write are its two directions.
 */
#ifndef PROBES_DISK_SWEEP_H
#define PROBES_DISK_SWEEP_H

#include <stdbool.h>

#include "probes/probe.h"

enum {
    SWEEP_BLOCK_BYTES = 4096,
    SWEEP_DEPTHS = 2,
    SWEEP_ROWS = 2 /* metrics of one depth: latency, IOPS */
};

/* Rows of the metric table that both probes share. */
enum {
    SWEEP_QD1,
    SWEEP_QD1_IOPS,
    SWEEP_QD32,
    SWEEP_QD32_IOPS
};

struct sweep_conf {
    const char *engine;
    uint64_t file_bytes; /* 0: by memory and time */
};

extern const struct opt sweep_opts[];

/* Bytes of the file, and of everything written, in a slot of that length. */
struct sweep_size {
    uint64_t file_bytes; /* a multiple of 1 MiB */
    uint64_t write_bytes;
};

struct sweep_size sweep_size(const struct probe_site *site, const struct sweep_conf *conf,
                             uint64_t slot_ns, bool write);

/* The callbacks of both probes. */
int sweep_supported(const struct probe_site *site, const void *conf, struct err *e);
int sweep_estimate(const struct probe_site *site, const void *conf, bool write, uint64_t slot_ns,
                   struct probe_cost *cost);
int sweep_setup(struct probe_run *run, const struct metric *metrics, bool write, struct err *e);
int sweep_measure(struct probe_run *run, struct err *e);
void sweep_judge(struct probe_run *run);
void sweep_teardown(struct probe_run *run);

#endif
