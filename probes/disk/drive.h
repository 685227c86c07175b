/*
 * drive: the one issue-and-complete loop of the disk probes. Closed loop: so many I/Os in flight, a
 * new one for each that completes; every single one is timed and recorded. Latency is from just
 * before the I/O was handed over to just after its completion was seen.
 *
 * The loop allocates nothing and prints nothing.
 */
#ifndef PROBES_DISK_DRIVE_H
#define PROBES_DISK_DRIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/kit/err.h"
#include "probes/kit/hist.h"

struct drive {
    struct engine *engine;
    struct pattern *pattern;
    unsigned depth; /* in flight; at most the engine's */
    bool write;
    uint64_t write_left_bytes; /* the loop stops before it would exceed this */
    const volatile sig_atomic_t *stopping;
    const char *what;                      /* the file, for messages */
    uint64_t started_ns[ENGINE_DEPTH_MAX]; /* private */
    uint64_t offsets[ENGINE_DEPTH_MAX];    /* private */
    unsigned in_flight;                    /* private */
};

enum {
    DRIVE_BLOCK_BYTES = 4096
};

/*
 * Runs until until_ns, waits for what is in flight, records each latency into *into. *elapsed_ns is
 * from the first hand-over to the last completion. An I/O error, a short transfer or a disk that
 * does not answer for 30 s fails with offset and errno.
 */
int drive_run(struct drive *d, uint64_t until_ns, struct hist *into, uint64_t *elapsed_ns,
              struct err *e);

#endif
