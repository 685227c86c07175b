/*
 * thief: who took the CPU time, how much of it, in which windows, and what to do about it: the
 * sentence that a user takes to the provider. Pure; from metrics, events and facts of a document.
 *
 * Metrics, all shares of CPU time: noise.gap.CAUSE and noise.gap.lost of a spinning loop,
 * noise.stall.CAUSE of sleepers in a quiet window, witness.lost.CAUSE of sleepers over the whole
 * run; noise.steal, noise.steal.busy, witness.steal from the kernel. Facts host.steal.reported, and
 * witness.others.process: the largest other process. A document from before there were causes has
 * the kernel's word alone.
 */
#ifndef REPORTS_THIEF_H
#define REPORTS_THIEF_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/cause.h"
#include "probes/kit/document.h"

enum thief_view { /* how was looked; the sharpest first */
    THIEF_SPINNING,
    THIEF_QUIET,
    THIEF_WHOLE,
    THIEF_VIEWS
};

enum {
    THIEF_LONG_MS = 10 /* one piece as long as this is worth a name, whatever the share */
};

struct thief_share {
    double value;     /* of the CPU time; NAN: not measured */
    double low, high; /* 95 %; NAN: not bounded */
};

struct thief_window {
    bool looked;          /* for any cause */
    uint64_t observed_ns; /* 0: not measured */
    struct thief_share by_cause[CAUSES];
    struct thief_share steal; /* as the kernel reports it */
};

enum thief_finding {
    THIEF_NOT_ASKED, /* nothing was measured that could tell */
    THIEF_REPORTED,  /* the kernel's steal alone, no causes */
    THIEF_NOBODY,    /* looked, and nothing worth a name */
    THIEF_FOUND
};

struct thief {
    enum thief_finding finding;
    enum cause cause;      /* of THIEF_FOUND: what took most; hypervisor for unreported as well */
    bool suspects[CAUSES]; /* worth a name */
    struct thief_window windows[THIEF_VIEWS];
    const struct result_event *longest; /* of that cause, borrowed; NULL: none is listed */
    int32_t cpu;                        /* that felt most of it; -1: none in particular */
};

void thief_find(const struct document *d, struct thief *t);
/* The "value" of a metric; NAN when it was not measured. */
struct thief_share thief_metric(const struct document *d, const char *id);
/* What that cause took in that window; of the hypervisor reported or not. 0: nothing, or unknown.
 */
double thief_taken(const struct thief_window *w, enum cause cause);
/* The same in the window that saw most of it. */
double thief_most(const struct thief *t, enum cause cause);
/*
 * One paragraph, nothing for THIEF_NOT_ASKED: "The hypervisor took 13.7 % (12.2 % to 15.1 %) of the
 * CPU time in 5.80 s of spinning, 8.10 % in 6 s of quiet, most of it on CPU 1; the longest lasted
 * 38.1 ms on CPU 1 (at 12.3 s, 2026-03-02T09:31:56Z). ..."
 */
void thief_tell(const struct document *d, const struct thief *t, struct buf *out);

#endif
