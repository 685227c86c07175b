/*
 * creation: how small files are made here, by calls or through io_uring (batch.h): whichever is
 * faster, found out by both making the same files in turns, in one thread, as placer does.
 *
 * The ring is taken when it needs clearly less CPU time, the kernel's threads' included, which is
 * what counts when all CPUs are at work; and is not later either, which is what counts when one
 * thread that makes files is waited for.
 *
 * Inside the pipeline, on two CPUs with Linux 6.18: time by that of calls, medians of pairs of runs
 * in turns (least to most), each run on a new filesystem. Images: `reference`, whose time mostly is
 * inflating; 60,000 files of 0.1 to 8 kB in 5,000 directories, in 4 layers; the same in one.
 *
 *     image        pairs  ext4 (loop)       tmpfs             xfs (loop)
 *     reference    7      0.93 (0.89-0.96)  0.91 (0.89-0.96)  0.91 (0.85-1.01)
 *       its CPU           0.97 (0.95-1.00)  0.96 (0.94-0.98)  0.96 (0.95-1.03)
 *     4 layers     7, 5   0.70 (0.69-0.72)  0.68 (0.64-0.76)  0.54 (0.48-0.66)
 *       their CPU         0.77 (0.75-0.81)  0.78 (0.76-0.79)  0.92 (0.85-0.99)
 *     one layer    7      0.68 (0.50-0.74)  0.66 (0.59-0.69)
 *       its CPU           0.77 (0.66-0.90)  0.78 (0.71-0.83)
 *
 * With 8 files at a time 0.86, with 16 0.80, with 64 0.78, with 128 0.80 (tmpfs, one CPU, 7 pairs).
 * A queue whose files calls made in the end won nothing: 0.9 to 1.0.
 */
#ifndef PROBES_IMAGE_CREATION_H
#define PROBES_IMAGE_CREATION_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/image/batch.h"
#include "probes/image/rules.h"
#include "probes/kit/err.h"
#include "probes/kit/result.h"

enum {
    CREATION_LAPS = 5, /* of each; the median counts */
    CREATION_DIRS = 16,
    CREATION_FILES = CREATION_DIRS * 8, /* a lap: some 2 ms, and two batches */
    CREATION_DIR_BYTES = 2000,          /* of content */
    CREATION_BYTES = 2 * CREATION_LAPS * CREATION_DIRS * CREATION_DIR_BYTES,
    /* Less CPU time than by calls, at least: laps of one kind are some percent apart. */
    CREATION_MARGIN_PERCENT = 5
};

/* A lap through the ring by the lap by calls beside it. */
struct creation_lap {
    double wall_ratio, cpu_ratio;
};

struct creation {
    struct creation_lap laps[CREATION_LAPS];
    unsigned count;
    struct creation_lap median;
    uint64_t written_bytes;
    bool is_batched;    /* the verdict */
    struct err refusal; /* ERR_NONE, or why there was no race, or no end of it */
};

/* On the CPU that this thread is on, see chain.h. dir_fd is left full. limits: the deadline and a
 * stop, which alone make it fail. */
int creation_race(struct creation *c, int dir_fd, const struct rules_limits *limits, struct err *e);
/* Medians and verdict of what was run. */
void creation_judge(struct creation *c);
/* By what files were created and why, as a sentence; a zeroed one is of no race. */
void creation_note(const struct creation *c, struct result *r);

#endif
