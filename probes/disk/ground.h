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
#include "probes/disk/engine_opts.h"
#include "probes/disk/workers.h"
#include "probes/kit/buf.h"
#include "probes/kit/tick.h"
#include "probes/probe.h"

/* The configuration of such a probe. */
struct ground_conf {
    const char *engine;
    struct engine_without without;
    uint64_t file_bytes; /* 0: by memory and time */
};

/* Its options; `sizes` are those that 0 chooses among. */
#define GROUND_OPTIONS(sizes)                                                                      \
    ENGINE_OPTIONS(struct ground_conf),                                                            \
        OPT_BYTES(struct ground_conf, file_bytes, .name = "file", .initial = "0",                  \
                  .max = UINT64_C(1) << 40,                                                        \
                  .help = "Size of the file; 0 chooses " sizes " by memory and time. Larger "      \
                          "where a cache below the disk answers.")

extern const struct opt ground_opts[];

/* A file and an engine as a probe wants them. */
struct ground_plan {
    const char *engine; /* "auto", or as engine_choose takes it */
    struct engine_without without;
    uint64_t file_bytes;  /* wished for; the write budget may leave less */
    uint64_t least_bytes; /* a shorter file is no use */
    uint64_t fill_ns;     /* how long it may take to write it, from now */
    uint32_t block_bytes;
    unsigned depth;
    uint64_t race_slot_ns; /* engines are compared in slots of that length and longer */
};

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
/* Time of the slot that choosing an engine takes: a fifteenth; 0 where one is named, or the slot is
 * shorter than that from which engines are compared. */
uint64_t ground_race_ns(const char *engine, uint64_t slot_ns, uint64_t race_slot_ns);
/* Both together, of a probe with ground_opts. */
uint64_t ground_setup_ns(const struct ground_conf *conf, uint64_t slot_ns);
/* Refuses what terms_check refuses, and a filesystem without O_DIRECT. */
int ground_check(const struct probe_site *site, uint64_t least_bytes, struct err *e);
/* That for a file of the least size, as a probe's `supported`. */
int ground_supported(const struct probe_site *site, const void *conf, struct err *e);

/* `value`, but not below `least`, and not beyond `most`, which counts more. */
static inline uint64_t ground_within(uint64_t value, uint64_t least, uint64_t most)
{
    uint64_t raised = value > least ? value : least;
    return raised < most ? raised : most;
}

/* That of a probe with ground_opts, for I/Os of block_bytes at `depth`. */
struct ground_plan ground_usual(const struct probe_run *run, uint32_t block_bytes, unsigned depth);
/*
 * Writes the file within the write budget and its time, and opens the engine of that name; "auto"
 * is the faster one by race_engines, whose laps begin within a fifteenth of the slot. *g need not
 * be initialised; written_bytes of the result are right also when it fails.
 */
int ground_open(struct ground *g, struct probe_run *run, const struct ground_plan *plan,
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
/* Sets the parameters that were chosen here: the engine, why, and the file's size. */
void ground_tell_parameters(const struct ground *g, struct result *r);
/* Notes kernel workers and the clock; distrusts an engine that touches no disk. */
void ground_tell_doubts(const struct ground *g, struct probe_run *run);
/* Both, and notes the engine and why, the filesystem, and a file smaller than wished. */
void ground_tell(const struct ground *g, struct probe_run *run);
void ground_release(struct ground *g); /* idempotent, and on zeroes */

#endif
