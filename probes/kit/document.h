/*
 * document: a whole run on disk, schema "plimsoll-result/1" (reports/schema.json).
 *
 * {
 *   "schema": "plimsoll-result/1",
 *   "run": {"id","version","started" (RFC 3339),"duration_ns","seed","budget_ns","argv":[...],
 *           "dir","interrupted":false,"clock_cost_ns",
 *           "places":[{"name","dir"}] (when --dir named some),
 *           "argv_cut" (words after those of argv, when there were more than DOCUMENT_ARGV_MAX),
 *           "uptime_ns" (CLOCK_MONOTONIC at 0 of the time line; not in older documents)},
 *   "labels": {"provider": "..."},
 *   "host": {"host.cpus": {"value","unit","reason"}, ...},
 *   "measurements": [{"probe","title","place" (of
 * several),"peer" (of a network probe),"status","reason","parameters","seed","started_ns",
 *       "duration_ns","rounds","written_bytes",
 *       "metrics":[{"id","unit","better","kind","show","n","observed_ns","clamped",
 *           "statistics":[{"name","value","low","high"}],
 *           "histogram":"HISTFAAA..." | null,
 *           "blocks":[{"at_ns","observed_ns","n","value"} |
 *                     {"at_ns","observed_ns","n","p50","p99","max"}]}],
 *       "events":[{"at_ns","duration_ns","what","cpu" (where it was felt),"cause" (its id)}],
 *       "events_dropped" (shorter ones, when there were some), "notes":["..."],
 *       "witnessed":{...}}],
 *   "witness": {a measurement of probe "witness"} | null
 * }
 * Fragments, from a probe's child to the runner, are one measurement with "histogram" in each block
 * and "facts" beside.
 */
#ifndef PROBES_KIT_DOCUMENT_H
#define PROBES_KIT_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"
#include "probes/kit/facts.h"
#include "probes/kit/limits.h"
#include "probes/kit/result.h"

#define DOCUMENT_SCHEMA "plimsoll-result/1"

enum {
    DOCUMENT_ARGV_MAX = 64,
    DOCUMENT_ID_BYTES = 33
};

struct document_label {
    char key[LIMITS_NAME_BYTES];
    char value[160];
};

/* A --dir of several. */
struct document_place {
    char name[LIMITS_PLACE_BYTES]; /* "" for the first, where it has none */
    char dir[512];
};

struct document {
    char id[DOCUMENT_ID_BYTES]; /* 128 random bits in hex */
    char version[32];
    char started[40];                            /* "2026-11-24T01:52:27Z" */
    char dir[512];                               /* where was measured: the first place */
    struct document_place places[LIMITS_PLACES]; /* all of them; none where one sufficed */
    unsigned place_count;
    uint64_t duration_ns;
    uint64_t seed;
    uint64_t budget_ns;
    uint64_t clock_cost_ns;
    uint64_t uptime_ns; /* CLOCK_MONOTONIC at 0 of the time line; 0: not known */
    bool interrupted;
    char *argv[DOCUMENT_ARGV_MAX]; /* owned */
    unsigned argc;
    uint64_t argv_cut; /* words that are not there */
    struct document_label labels[LIMITS_LABELS];
    unsigned label_count;
    struct facts host;
    struct result *measurements; /* owned array of LIMITS_RESULTS rooms at most */
    unsigned measurement_count, measurement_room;
    struct result witness; /* probe "" when there is none */
};

void document_release(struct document *d); /* idempotent */

/* Takes over *r (which is left empty); when it fails *r stays the caller's. Earlier pointers to
 * measurements go stale. */
int document_take(struct document *d, struct result *r, struct err *e);
/* The first one of that probe: in the first place it was measured in. NULL when there is none. */
struct result *document_measurement(const struct document *d, const char *probe);
/* The one in that place: of several peers, the first. */
struct result *document_measurement_in(const struct document *d, const char *probe,
                                       const char *place);
/* The metric in any measurement, or in the witness; and whose it is (owner may be NULL). */
struct result_metric *document_metric(const struct document *d, const char *id,
                                      const struct result **owner);

/* What a fact found in that place is called among the host's: "images.disk.class" in all but the
 * first. Cut to fit. */
void document_fact_name(const struct document *d, const char *place, const char *fact,
                        char name[LIMITS_NAME_BYTES]);
/* The fact of that name which the measurement's place has; NULL when there is none. */
const struct fact *document_fact(const struct document *d, const struct result *r,
                                 const char *name);

/* Appends to *out. */
int document_write(const struct document *d, struct buf *out, struct err *e);
/*
 * Fills *d, left empty on failure. Refuses another schema, truncation, nonsense: ERR_DATA with
 * name, place and reason. Members that are not known are passed over. Blocks have no histograms
 * then; `total` of a metric is opened from "histogram".
 */
int document_read(const char *text, size_t size, const char *name, struct document *d,
                  struct err *e);
/* Reads a file ("-" is standard input, by fd 0), at most LIMITS_DOCUMENT_BYTES. */
int document_load(const char *path, struct document *d, struct err *e);

/* *r is left empty on failure. Facts travel in the result, and are lifted by whoever reads. */
int document_write_fragment(const struct result *r, struct buf *out, struct err *e);
int document_read_fragment(const char *text, size_t size, struct result *r, struct err *e);

#endif
