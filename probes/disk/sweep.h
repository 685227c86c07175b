/*
 * sweep: 4 KiB random I/O past the page cache at queue depth 1 and 32, in turns, so that both see
 * the same weather. disk.read and disk.write are its two directions.
 */
#ifndef PROBES_DISK_SWEEP_H
#define PROBES_DISK_SWEEP_H

#include <stdbool.h>

#include "probes/probe.h"

struct sweep_conf {
    const char *engine;
    uint64_t file_bytes;
};

extern const struct opt sweep_opts[];

/* Rows of the metric table that both probes share in this order. */
enum {
    SWEEP_QD1,
    SWEEP_QD1_IOPS,
    SWEEP_QD32,
    SWEEP_QD32_IOPS
};

int sweep_supported(const struct probe_site *site, const void *conf, struct err *e);
int sweep_estimate_read(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                        struct probe_cost *cost, struct err *e);
int sweep_estimate_write(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                         struct probe_cost *cost, struct err *e);
int sweep_setup_read(struct probe_run *run, struct err *e);
int sweep_setup_write(struct probe_run *run, struct err *e);
int sweep_measure(struct probe_run *run, struct err *e);
void sweep_judge(struct probe_run *run);
void sweep_teardown(struct probe_run *run);

#endif
