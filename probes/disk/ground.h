/*
 * ground: a file to read and write, an engine opened on it, and what to tell of both. Shared by the
 * probes that drive I/O of one block size at a few depths.
 */
#ifndef PROBES_DISK_GROUND_H
#define PROBES_DISK_GROUND_H

#include <stdint.h>

#include "probes/disk/bed.h"
#include "probes/disk/buffers.h"
#include "probes/disk/drive.h"
#include "probes/disk/engine.h"
#include "probes/disk/workers.h"
#include "probes/kit/buf.h"
#include "probes/kit/tick.h"
#include "probes/probe.h"

/* The configuration of such a probe, and its options. */
struct ground_conf {
    const char *engine;
    struct engine_without without;
    uint64_t file_bytes; /* 0: by memory and time */
};

extern const struct opt ground_opts[];

struct ground {
    struct bed bed;
    struct buffers buffers;
    struct engine engine;
    struct tick tick;
    struct buf why; /* of the engine */
    uint64_t planned_bytes;
    uint64_t overwritten_bytes;
    struct workers workers; /* before measuring */
    uint32_t block_bytes;
    char what[300]; /* for messages */
};

/* Bytes of the file in a slot of that length: a multiple of 1 MiB, at most half of the room. */
uint64_t ground_file_bytes(const struct probe_site *site, const struct ground_conf *conf,
                           uint64_t slot_ns);
/* Time of the slot that writing the file should take; a disk that stalls is waited for a little. */
uint64_t ground_fill_ns(uint64_t slot_ns);
/* As a probe's `supported`: refuses what terms_check refuses, and a filesystem without O_DIRECT. */
int ground_supported(const struct probe_site *site, const void *conf, struct err *e);

/* An engine to be chosen for a file that is written. */
struct ground_choice {
    const char *name;
    struct engine_conf conf;
    uint64_t file_bytes; /* to read from */
    struct tick *tick;   /* open */
    const char *what;    /* for messages */
};

/*
 * Opens the engine of that name. "auto" is the faster one by race_engines, whose laps begin within
 * a fifteenth of the slot; in a slot below 2 s it is the first that works. *why says which and why;
 * what the buffers held is lost.
 */
int ground_choose(struct engine *en, const struct ground_choice *choice,
                  const struct probe_run *run, struct buf *why, struct err *e);

/*
 * Writes the file within the write budget and ground_fill_ns, chooses an engine for `depth` I/Os of
 * block_bytes. *g need not be initialised; written_bytes of the result are right also when it
 * fails.
 */
int ground_open(struct ground *g, struct probe_run *run, uint32_t block_bytes, unsigned depth,
                struct err *e);
/* Everything written so far. */
uint64_t ground_written(const struct ground *g);
/* What may still be written. */
uint64_t ground_left(const struct ground *g, const struct probe_run *run);
/* 1 where the engine has no queue. */
unsigned ground_depth(const struct ground *g, unsigned wanted);
/* drive_run with the file, its engine and the run's wish to stop; counts what was written. */
int ground_drive(struct ground *g, struct probe_run *run, struct drive *d,
                 struct drive_count *count, struct err *e);
/*
 * Notes the engine and why, the filesystem, a file smaller than wished, kernel workers, the clock,
 * and an engine that touches no disk; sets the parameters that were chosen here.
 */
void ground_tell(const struct ground *g, struct probe_run *run);
void ground_release(struct ground *g); /* idempotent, and on zeroes */

#endif
