/*
 * sweep: random I/O past the page cache at queue depths 1, 2, 4 ... 128, one depth a repetition in
 * turns (turns.h), so that all see the same weather. disk.read and disk.write are its two
 * directions; reads are also measured at a pace, for a disk asked now and then answers slower.
 *
 * Each turn begins with a start that is not recorded, the queue already full, and lasts whole
 * tenths of a second: the slice in which the kernel's own limiter admits I/O.
 * SOURCE: Linux block/blk-throttle.c DFL_THROTL_SLICE (HZ / 10).
 */
#ifndef PROBES_DISK_SWEEP_H
#define PROBES_DISK_SWEEP_H

#include <stdbool.h>

#include "probes/disk/curve.h"
#include "probes/disk/ground.h"
#include "probes/disk/pattern.h"
#include "probes/disk/turns.h"
#include "probes/probe.h"

enum {
    SWEEP_BLOCK_BYTES = 4096,
    SWEEP_ROWS = 2,           /* metrics of one depth: latency, IOPS */
    SWEEP_PACE_MS = 10,       /* one I/O so often, at a pace */
    SWEEP_PACED_SAMPLES = 100 /* for the p99 at a pace */
};

/* Rows of the metric table that both probes share: two for each rung, then these. */
enum {
    SWEEP_KNEE = SWEEP_ROWS * CURVE_DEPTHS,
    SWEEP_KNEE_IOPS,
    SWEEP_PACED /* reads only */
};

static inline unsigned sweep_row(unsigned rung)
{
    return SWEEP_ROWS * rung;
}

/* Of struct ground_conf. */
extern const struct opt sweep_opts[];

/* Bytes of the file, and of everything written, in a slot of that length. */
struct sweep_size {
    uint64_t file_bytes; /* a multiple of 1 MiB */
    uint64_t write_bytes;
    const char *by; /* what decided the file's size: "a quarter of memory" */
};

struct sweep_size sweep_size(const struct probe_site *site, const struct ground_conf *conf,
                             uint64_t slot_ns, bool write);
/* Length of a turn in a slot of that length: whole tenths of a second. */
uint64_t sweep_turn_ns(uint64_t slot_ns);

/* All turns of one depth, or all at a pace. */
struct sweep_seen {
    struct hist latency;
    uint64_t observed_ns;
    double iops_sum; /* of the turns */
    unsigned turns;
};

struct sweep {
    const struct metric *metrics;
    bool write;
    struct ground ground;
    struct pattern pattern;
    struct turns turns;
    struct curve curve; /* means of the turns, as the metrics are */
    struct sweep_seen seen[CURVE_DEPTHS];
    struct sweep_seen paced;
    struct sweep_size size; /* as planned */
    uint64_t turn_ns;
    uint64_t longest_ns;  /* that a turn at a depth has taken */
    int asked;            /* rung of the turn before; -1: none, or at a pace */
    double answered_iops; /* in it */
    bool exhausted;       /* the write budget is used up */
};

/* The callbacks of both probes; judge is sweep_tell_judge. */
int sweep_supported(const struct probe_site *site, const void *conf, struct err *e);
int sweep_estimate(const struct probe_site *site, const void *conf, bool write, uint64_t slot_ns,
                   struct probe_cost *cost);
int sweep_setup(struct probe_run *run, const struct metric *metrics, bool write, struct err *e);
int sweep_measure(struct probe_run *run, struct err *e);
void sweep_teardown(struct probe_run *run);

#endif
