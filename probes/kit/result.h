/*
 * result: what one probe found in one run: status, parameters, metrics, events, notes, facts, and
 * what the witness saw meanwhile. Probes write it, reports read it; the document is its other form.
 *
 * Life: result_open (rows from the probe's metric table) -> for each repetition the runner calls
 * result_add_block -> result_summarise -> result_release. A second round of the same probe is
 * joined by result_absorb and summarised again.
 */
#ifndef PROBES_KIT_RESULT_H
#define PROBES_KIT_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "probes/kit/err.h"
#include "probes/kit/facts.h"
#include "probes/kit/hist.h"
#include "probes/kit/limits.h"
#include "probes/kit/metric.h"
#include "probes/kit/status.h"

/* One repetition of one metric. */
struct result_block {
    uint64_t at_ns;       /* start, CLOCK_MONOTONIC less the run's start */
    uint64_t observed_ns; /* how long it looked */
    double value;         /* kinds other than METRIC_HIST; NAN: nothing measured */
    struct hist hist;     /* METRIC_HIST; closed for results read from a document without blocks */
    uint64_t n;           /* samples */
    double p50, p99, max; /* METRIC_HIST: of the block; NAN while empty */
    unsigned joined;      /* repetitions in it: 1, more when there were over LIMITS_BLOCKS */
};

enum {
    RESULT_STATISTICS = 6,
    RESULT_STATISTIC_BYTES = 8
};

struct result_statistic {
    char name[RESULT_STATISTIC_BYTES]; /* "p50", "p99.9", "max", "mean", "value" */
    double value;                      /* NAN: not measured */
    double low, high;                  /* 95 %; NAN where the sample cannot bound it */
};

struct result_metric {
    char id[LIMITS_NAME_BYTES];
    char show[32];
    enum unit unit;
    enum metric_better better;
    enum metric_kind kind;
    uint64_t n;           /* samples */
    uint64_t observed_ns; /* time they were taken in */
    uint64_t clamped;     /* samples above what the histogram holds */
    struct result_statistic statistics[RESULT_STATISTICS];
    unsigned statistic_count;
    struct hist total;           /* METRIC_HIST; closed while empty */
    struct result_block *blocks; /* owned */
    unsigned block_count;
    unsigned block_room; /* allocated */
    unsigned block_most; /* even; beyond that they are joined; 0: LIMITS_BLOCKS */
};

struct result_event {
    uint64_t at_ns;                 /* since the run's start */
    uint64_t duration_ns;           /* 0: a point */
    char what[120];                 /* "fdatasync 212 ms" */
    char cause[LIMITS_CAUSE_BYTES]; /* the id of what brought it about; "" where nobody looked */
    int32_t cpu;                    /* where it was felt; -1: on none in particular */
};

/* What the witness saw between two times. NAN: this kernel does not say. */
struct witnessed {
    double steal_ratio;
    double steal_worst_cpu_ratio;
    double cpu_pressure_ratio; /* PSI some */
    double io_pressure_ratio;
    double memory_pressure_ratio;
    double cpu_pressure_full_ratio; /* PSI full */
    double io_pressure_full_ratio;
    double memory_pressure_full_ratio;
    double throttled_ratio;  /* our cgroup's quota */
    double clock_step_ns;    /* largest jump of the wall clock against the monotonic one */
    double stall_max_ns;     /* longest stall of the witness's sleepers, our own load included */
    double others_cpu_ratio; /* of all CPUs, by processes that are not this run's */
    double others_io_bytes_per_s;             /* read and written by them, of block devices */
    double largest_other_cpu_ratio;           /* of one CPU, by the busiest of them */
    char largest_other[LIMITS_PROCESS_BYTES]; /* its name; "" where nobody looked */
};

struct result {
    char probe[LIMITS_NAME_BYTES];
    char title[LIMITS_TEXT_BYTES];
    char place[LIMITS_PLACE_BYTES]; /* name of the --dir it was measured in; "" for one without */
    char peer[LIMITS_PEER_BYTES];   /* the --peer it was measured to, as typed; "" for none */
    enum status status;
    char reason[LIMITS_TEXT_BYTES]; /* "" when measured */
    json_t *parameters;             /* owned object, may be NULL */
    uint64_t started_ns;            /* since the run's start */
    uint64_t duration_ns;
    unsigned rounds;
    uint64_t written_bytes; /* to the filesystem, by this probe */
    uint64_t seed;
    struct result_metric *metrics; /* owned */
    unsigned metric_count;
    struct result_event *events; /* owned; as they came, of several rounds by time */
    unsigned event_count;
    unsigned event_room;     /* allocated */
    uint64_t events_dropped; /* shorter ones that had no room */
    char notes[LIMITS_NOTES]
              [LIMITS_TEXT_BYTES]; /* sentences: engine chosen and why, journal, ... */
    unsigned note_count;
    struct facts facts;
    struct witnessed witnessed;
};

/* metrics may be NULL. One round, measured, nothing witnessed. Releases nothing of what *r held. */
int result_open(struct result *r, const char *probe, const char *title,
                const struct metric *metrics, struct err *e);
void result_release(struct result *r); /* idempotent */

struct result_metric *result_metric_find(const struct result *r, const char *id);
/* NULL when the metric has no such statistic. */
const struct result_statistic *result_statistic_find(const struct result_metric *m,
                                                     const char *name);

/*
 * Copies one repetition: at_ns, observed_ns, and hist (METRIC_HIST), n (METRIC_EVENTS) or value and
 * n (other kinds; a value with n 0 counts as one sample). Beyond block_most neighbours are joined
 * two by two, and what comes later is joined to the same length, so that blocks stay comparable.
 */
int result_add_block(struct result_metric *m, const struct result_block *block, struct err *e);
/*
 * Computes totals, statistics and intervals of every metric from its blocks. Histograms read from a
 * document have no block histograms: they stay as they were read.
 */
int result_summarise(struct result *r, struct err *e);
/*
 * Appends the blocks, events (the longest of both, by time), notes and facts of a later round of
 * the same probe; adds up its rounds, bytes and durations; an untrusted round makes the whole
 * untrusted, one that failed or was skipped is noted and takes nothing from the others. Call
 * result_summarise afterwards.
 */
int result_absorb(struct result *dst, const struct result *src, struct err *e);

/* A status and its reason; keeps what is as bad or worse: measured, untrusted, skipped, failed. */
void result_set_status(struct result *r, enum status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A sentence; silently dropped beyond LIMITS_NOTES, repeated ones once. */
void result_note(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Something rare, on no CPU in particular and of no known cause. Beyond LIMITS_EVENTS the shortest
 * goes, of equal ones the later, and is counted. Their array grows as they come: not for the inside
 * of what is being timed.
 */
void result_event(struct result *r, uint64_t at_ns, uint64_t duration_ns, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void result_event_full(struct result *r, const struct result_event *event); /* is copied */
/*
 * The statistics that `show` names, of all metrics: "p50 114 us, p99 237 us, max 7.86 ms, 5530/s".
 * What is not the probe's own figure or a rate of it says its name: "qd1 p50 48.1 us, 14700/s; qd32
 * p50 449 us, 64000/s". "" when nothing was measured.
 */
void result_headline(const struct result *r, struct buf *out);
/* What it is called among others: "disk.wal", "disk.wal@images", or "net.rtt@node-b". */
void result_name(const struct result *r, struct buf *out);

#endif
