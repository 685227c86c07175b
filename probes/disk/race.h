/*
 * race: which engine is the faster one for a target. Those with a queue that work run short bursts
 * of reads in turns, at depth 1 and deep, so that all see the same weather; plain pread runs along
 * at depth 1 to be told. io_uring stays unless another is clearly faster: it hands what a target
 * cannot do without blocking to kernel threads (zram, direct I/O on tmpfs, some network file
 * systems), and then it is the slower one.
 */
#ifndef PROBES_DISK_RACE_H
#define PROBES_DISK_RACE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/disk/engine.h"
#include "probes/disk/pattern.h"
#include "probes/kit/buf.h"
#include "probes/kit/err.h"
#include "probes/kit/tick.h"

#define RACE_LAP_NS UINT64_C(10000000) /* 10 ms: some 200 reads of a fast disk at depth 1 */

enum {
    RACE_LANES = 4,
    RACE_DEPTHS = 2, /* 1, and deep */
    RACE_DEEP = 32,
    RACE_LAPS = 5, /* of each engine at each depth; the median counts */
    /* Another engine must be so much faster to be taken, over both depths: laps of the same engine
     * are 5 to 10 % apart on a virtual disk. */
    RACE_MARGIN_PERCENT = 15,
    RACE_REFUSAL_BYTES = 200
};

struct race_plan {
    struct engine_conf conf; /* of the engines; the deep laps run at RACE_DEEP or conf.depth */
    struct pattern *pattern; /* of the reads */
    uint64_t lap_ns;         /* 0: RACE_LAP_NS */
    uint64_t limit_ns;       /* no laps after the first begin later than that; 0: all are run */
    struct tick *tick;       /* may be NULL */
    int proc_fd;             /* /proc, to find kernel workers; -1: not looked for */
    const volatile sig_atomic_t *stopping;
    const char *what; /* for messages, as drive takes it */
};

struct race_lane {
    const struct engine_row *row;
    bool ran;
    bool workers;              /* the kernel's, in its laps */
    double io_ns[RACE_DEPTHS]; /* time of one I/O: elapsed by completed; NAN where it cannot */
    char refusal[RACE_REFUSAL_BYTES]; /* why it did not run */
};

struct race {
    struct race_lane lanes[RACE_LANES]; /* in order of preference */
    unsigned count;
    unsigned deep;   /* the depth of the deep laps */
    unsigned winner; /* a lane that ran */
};

/*
 * Leaves the faster engine open in *en and adds to `why` one sentence as engine_choose does, with
 * the reason: "libaio, because io_uring hands requests to kernel workers here: an I/O
 * takes 6.7 us against 2.4 us at depth 1, ...". Where no queueing engine works it is the plain one.
 * Fails like engine_choose, en->abandoned included. What the buffers held is lost. Some 300 ms;
 * a slow disk, or one behind a limiter, takes longer than a lap for the I/Os of one.
 */
int race_engines(struct engine *en, const struct race_plan *plan, struct race *race,
                 struct buf *why, struct err *e);
/* The same among other rows, at most RACE_LANES that are not by_name_only. */
int race_engines_among(const struct engine_row *const *rows, struct engine *en,
                       const struct race_plan *plan, struct race *race, struct buf *why,
                       struct err *e);

/* The lane to be taken, by io_ns; the first that ran where none is clearly faster. */
unsigned race_pick(const struct race *race);
/* The winner with that engine's features, and why. */
void race_tell(const struct race *race, const char *features, struct buf *why);

#endif
