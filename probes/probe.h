/*
 * probe: one question about this host, answered with how far to believe the answer.
 *
 * A probe is one const struct at the foot of one file, listed by hand in probes/probes.c. The
 * runner (bench/runner) forks a child for it and calls, in the child:
 *
 *     setup -> measure (one repetition, again and again until the slot ends) -> judge -> teardown
 *
 * measure allocates nothing, prints nothing, formats nothing. It returns by run->until_ns or soon
 * after *run->stopping becomes true; with its write budget spent it sets run->done. It records into
 * run->hists[i] (METRIC_HIST) or sets run->values[i] (other kinds; NAN on entry; how many there
 * were, for METRIC_EVENTS), where i is the row in `metrics`, and sets run->observed_ns[i] when that
 * differs from the length of the repetition. The runner adds one block a repetition. teardown is
 * always called and tolerates half a setup; after it nothing is left in the scratch.
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "probes/kit/err.h"
#include "probes/kit/facts.h"
#include "probes/kit/hist.h"
#include "probes/kit/metric.h"
#include "probes/kit/opt.h"
#include "probes/kit/place.h"
#include "probes/kit/result.h"

enum probe_needs {
    PROBE_NEEDS_SCRATCH = 1 << 0, /* a directory to write in */
    PROBE_NEEDS_PEER = 1 << 1,    /* --peer */
    PROBE_NEEDS_QUIET = 1 << 2,   /* nothing else of ours may run meanwhile */
    PROBE_NEEDS_EACH = 1 << 3,    /* every --dir: it is about the disk there */
    PROBE_NEEDS_SERVICE = 1 << 4, /* --connect */
};

enum probe_effects {
    PROBE_WRITES_DISK = 1 << 0,
    PROBE_READS_DISK = 1 << 1,
    PROBE_LOADS_CPU = 1 << 2,
    PROBE_SENDS_PACKETS = 1 << 3,
    PROBE_LEAVES_TRACES = 1 << 5, /* what it did changes what it would find: never measured twice */
    PROBE_TRIES_KERNEL = 1 << 4,  /* namespaces, mounts, cgroups: tried in a child and undone */
};

/* Where a probe works. Borrowed from the runner. */
struct probe_site {
    const char *name;              /* of the place: "images"; "" where --dir gave none */
    const struct probe_site *home; /* the first place of the run; this one, where it is alone */
    int proc_fd, sys_fd;           /* /proc and /sys, or recorded trees */
    const char *dir;               /* --dir */
    const char *image;             /* --image; NULL: not given */
    const struct place *place;     /* what lies under it; NULL when no scratch is needed */
    uint64_t memory_bytes;         /* RAM of the host, for working sets */
    unsigned cpus;                 /* CPUs this process may run on */
};

/* What one peer's figures go into: the same rows for each. */
struct probe_part {
    struct hist *hists;
    double *values;
    uint64_t *observed_ns;
    struct result *result;
};

/* What a probe is going to cost in a slot of so many nanoseconds. */
struct probe_cost {
    uint64_t write_bytes; /* at most; kept to the byte */
    uint64_t packets;
    uint64_t setup_ns; /* estimate of preparation inside the slot */
};

struct probe_run {
    const void *conf;
    void *state; /* the probe's own; set by setup, freed by teardown */
    const struct probe_site *site;
    int scratch_fd; /* private directory, empty at setup */
    int home_fd;    /* one in the first place; the same where the probe works in that */
    int shared_fd;  /* holds those; what is put there, not named as a probe, stays to the run's end
                     * for the others of this place */
    uint64_t seed;
    uint64_t slot_ns;            /* planned length of the whole slot, setup included */
    uint64_t slot_end_ns;        /* CLOCK_MONOTONIC; brought forward by a probe done early */
    uint64_t write_budget_bytes; /* what estimate answered */
    unsigned repetition;         /* 0, 1, ... */
    uint64_t until_ns;           /* when this repetition should end */
    bool done;                   /* measure sets it when it has no more to do: the slot ends now */
    uint64_t run_start_ns;       /* zero of all at_ns, CLOCK_MONOTONIC */
    const volatile sig_atomic_t *stopping;
    /*
     * One probe may tell several results, one a peer, measured at the same time: its setup first
     * calls split, once, with their names (--peer as typed; borrowed for the call, none twice).
     * Then there are `count` parts, each with rows and a result of its own, whose `peer` is its
     * name. What fails for one peer alone is said in that part's result, by result_set_status; what
     * setup or measure return as an error is said of every part that is not worse already. Blocks
     * are added to every part. Without a split there is one part.
     */
    int (*split)(struct probe_run *run, const char *const *names, unsigned count, struct err *e);
    struct probe_part *parts; /* the first is what the four below are */
    unsigned part_count;
    struct hist *hists;           /* by row of metrics; cleared before each repetition */
    double *values;               /* by row; NAN before each repetition */
    uint64_t *observed_ns;        /* by row; 0 means the length of the repetition */
    struct result *result;        /* notes, events, facts, status, written_bytes */
    const struct result *earlier; /* for a probe that concludes: what was measured, borrowed */
    unsigned earlier_count;
};

/* What that probe found in this run and place; NULL when it has no figure. */
static inline const struct result *probe_earlier(const struct probe_run *run, const char *name)
{
    for (unsigned i = 0; i < run->earlier_count; i++) {
        const struct result *r = &run->earlier[i];
        bool has_figure = r->status == STATUS_MEASURED || r->status == STATUS_UNTRUSTED;
        if (has_figure && strcmp(r->probe, name) == 0)
            return r;
    }
    return NULL;
}

struct probe {
    const char *name;   /* "disk.wal"; never renamed */
    const char *title;  /* "Durable append latency" */
    const char *why;    /* one sentence: what breaks in an orchestrator when this is bad */
    const char *source; /* where that is written */
    unsigned needs, effects;
    const char *place; /* measured in the --dir of this name, else in the first; NULL: any */
    unsigned weight;   /* share of the budget; 0: runs once and returns early (host facts) */
    uint64_t
        budget_min_ns; /* in shorter runs it is measured only when asked for by name; 0: in all */
    /*
     * Probes from whose results it concludes, ended by NULL; it then has weight 0, measures
     * nothing, and comes after all rounds. Asking for it by name asks for them too.
     */
    const char *const *concludes_from;
    uint64_t repetition_ns; /* length of one repetition; 0: measure is called once */
    const struct opt *opts; /* ended by OPT_END; NULL when there are none */
    size_t conf_size;
    const struct metric *metrics; /* ended by METRIC_END; NULL when there are none */
    const struct fact_row *facts; /* ended by FACT_END; NULL when there are none */

    /* 0, or why not here, in a sentence with a remedy. May be NULL. */
    int (*supported)(const struct probe_site *site, const void *conf, struct err *e);
    int (*estimate)(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                    struct probe_cost *cost, struct err *e); /* NULL: costs nothing */
    int (*setup)(struct probe_run *run, struct err *e);      /* NULL: nothing to prepare */
    int (*measure)(struct probe_run *run, struct err *e);
    void (*judge)(struct probe_run *run);    /* may be NULL */
    void (*teardown)(struct probe_run *run); /* may be NULL */
};

#endif
