/*
 * engine: one way to hand I/O to the kernel. A const table row per engine; one driver loop
 * (drive.h) for all of them.
 *
 *     uring   io_uring with all that the kernel accepts; what it was is in `features`
 *     aio     libaio (io_submit)
 *     sync    pread and pwrite: depth 1 only
 *     null    completes at once: what remains is our own cost
 *
 * Engines time nothing and record nothing. A completion's result is bytes, or -errno.
 */
#ifndef PROBES_DISK_ENGINE_H
#define PROBES_DISK_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum {
    ENGINE_DEPTH_MAX = 256,
    ENGINE_FEATURES_BYTES = 320
};

struct engine_io {
    uint64_t offset;
    uint32_t bytes;
    uint32_t slot; /* which buffer: 0..depth-1; one I/O a slot at a time */
    bool write;
};

struct engine_done {
    uint32_t slot;
    int32_t result; /* bytes, or -errno */
};

struct engine;

/* What to do without though the kernel may offer it; of engines that have such a thing. */
struct engine_without {
    bool fixed_file, fixed_buffers, fixed_ring; /* registered with the kernel ahead */
    bool single_issuer;                         /* and then no deferral either */
    bool deferral;    /* completion work is done when we ask for it, on our time */
    bool cooperation; /* where deferral is not to be had: no interrupt of ours for it */
    bool polling;     /* completions are looked for in the device's poll queues */
};

struct engine_conf {
    int fd;               /* borrowed; opened O_DIRECT where that is wanted */
    unsigned depth;       /* 1..ENGINE_DEPTH_MAX */
    void *const *buffers; /* depth of them, aligned, borrowed */
    size_t buffer_bytes;
    struct engine_without without; /* all zero: everything is tried */
};

struct engine_row {
    const char *name;
    const char *title;
    bool queues;       /* more than one in flight */
    bool by_name_only; /* measures no disk, so it is never chosen by itself */
    /* 0, or why this kernel refuses: "io_uring is disabled by kernel.io_uring_disabled=2". */
    int (*supported)(struct err *e);
    int (*open)(struct engine *en, const struct engine_conf *conf, struct err *e);
    /*
     * Hands over count I/Os; how many were taken, or -errno. May keep them until the next reap, to
     * spare a system call. Never blocks for a completion but in sync.
     */
    int (*submit)(struct engine *en, const struct engine_io *ios, unsigned count);
    /*
     * Waits for at least `least`, at most until timeout_ns passed (relative) or a signal came; how
     * many, which may be fewer then, or -errno. least 0 waits for nothing.
     */
    int (*reap)(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                uint64_t timeout_ns);
    void (*close)(struct engine *en); /* waits for what is in flight; idempotent */
};

struct engine {
    const struct engine_row *row;
    struct engine_conf conf;
    void *state; /* the engine's own */
    /* What is used, and what is not and why: "registered file; without registered buffers (as
     * asked)". "" where there is nothing of that kind. */
    char features[ENGINE_FEATURES_BYTES];
    bool abandoned; /* the disk never answered: close waits for nothing and frees nothing */
};

extern const struct engine_row *const engine_all[]; /* in order of preference; ended by NULL */

extern const struct engine_row engine_uring, engine_aio, engine_sync, engine_null;

/* 0 when that one works, as engine_choose means it; may set en->abandoned when it does not. */
int engine_open(const struct engine_row *row, struct engine *en, const struct engine_conf *conf,
                struct err *e);
/*
 * Opens the first engine that works (or the one named; "" or "auto" for any) and writes into `why`
 * one sentence: which, and what was wrong with the ones before it. An engine works when it is
 * supported, opens, and reads buffer 0 from offset 0. When the disk does not answer that read,
 * en->abandoned is set and the buffers must not be freed.
 */
int engine_choose(struct engine *en, const char *name, const struct engine_conf *conf,
                  struct buf *why, struct err *e);
/* The same among other rows. */
int engine_choose_from(const struct engine_row *const *rows, struct engine *en, const char *name,
                       const struct engine_conf *conf, struct buf *why, struct err *e);
void engine_close(struct engine *en); /* idempotent; keeps abandoned */

#endif
