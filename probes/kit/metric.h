/*
 * metric: what a probe may report, declared ahead. Nothing is reported that was not declared.
 */
#ifndef PROBES_KIT_METRIC_H
#define PROBES_KIT_METRIC_H

#include "probes/kit/units.h"

enum metric_better {
    METRIC_LOWER,
    METRIC_HIGHER,
    METRIC_NEITHER
};

/* How repetitions (blocks) become one figure. */
enum metric_kind {
    METRIC_HIST, /* blocks are merged; statistics mean p50 p90 p99 p99.9 max */
    METRIC_MEAN, /* one number a block; statistic "value" is their mean with its t interval */
    METRIC_MAX,  /* one number a block; "value" is the largest */
    METRIC_SUM,  /* one number a block; "value" is the sum */
    /*
     * Rare events: how many a block, in its observed_ns; "value" is events an hour (UNIT_PER_HOUR)
     * with its Poisson interval, which for none seen ends at 3/t, the rule of three.
     */
    METRIC_EVENTS,
};

struct metric {
    const char *id; /* "disk.wal", "disk.wal.rate"; never renamed */
    enum unit unit;
    enum metric_better better;
    enum metric_kind kind;
    const char *show; /* statistics for the one-line summary: "p50 p99 max"; "" for none */
    const char *what; /* one sentence */
};

#define METRIC_END                                                                                 \
    {                                                                                              \
        .id = 0                                                                                    \
    }

const char *metric_kind_name(enum metric_kind kind);       /* "histogram", "mean", "maximum", ... */
const char *metric_better_name(enum metric_better better); /* "lower", "higher", "neither" */
/* -1 when the name is not known. */
int metric_kind_of_name(const char *name);
int metric_better_of_name(const char *name);
/* The row with that id in a table ended by METRIC_END, or NULL. */
const struct metric *metric_find(const struct metric *metrics, const char *id);

#endif
