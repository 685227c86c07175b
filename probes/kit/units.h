/*
 * units: one table of units; parse what people type, print what people read.
 *
 * Inside, time is uint64_t nanoseconds, sizes are uint64_t bytes, ratios are 0..1 (1 % = 0.01).
 * Metric values are double in the unit's base. SI for rates and IEC for sizes: "412 MB/s", "64
 * MiB".
 */
#ifndef PROBES_KIT_UNITS_H
#define PROBES_KIT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum unit {
    UNIT_NONE,        /* a plain number */
    UNIT_NS,          /* "ns": time */
    UNIT_BYTES,       /* "bytes" */
    UNIT_BYTES_PER_S, /* "bytes/s" */
    UNIT_PER_S,       /* "1/s": IOPS, files per second */
    UNIT_PER_HOUR,    /* "1/h": rare events */
    UNIT_RATIO,       /* "ratio": 0..1, shown as per cent */
    UNIT_COUNT,       /* "count" */
    UNIT_VERSION,     /* "version": major * 1000 + minor, "6.18" is 6018 */
    UNIT_KINDS
};

enum {
    UNITS_TEXT_BYTES = 32
};

/* The name used in documents and profiles: "ns", "bytes/s", ... */
const char *units_name(enum unit unit);
/* UNIT_KINDS when the name is not known. */
enum unit units_of_name(const char *name);

/*
 * "10 ms", "10ms", "1.5h", "900us" (UNIT_NS); "64 MiB", "64M" (= MiB), "5 GB", "1700 MB"
 * (UNIT_BYTES); "50 MB/s"; "500/s" or "500" (UNIT_PER_S); "12/h" (UNIT_PER_HOUR); "5 %", "0.05"
 * (UNIT_RATIO); "4" (UNIT_COUNT, UNIT_NONE). A duration needs a suffix; a bare number of bytes is
 * bytes. Negative, NaN, infinite, trailing text: ERR_USAGE naming the text and giving an example.
 */
int units_parse(const char *text, enum unit unit, double *value, struct err *e);
int units_parse_ns(const char *text, uint64_t *ns, struct err *e);
int units_parse_bytes(const char *text, uint64_t *bytes, struct err *e);

/*
 * Three significant digits with the fitting suffix: "1.32 ms", "412 MB/s", "0.120 %". Whole numbers
 * below 1024 and whole counts are exact: "2 s", "4194304". NaN is "-". units_parse reads it again.
 */
const char *units_format(double value, enum unit unit, char text[UNITS_TEXT_BYTES]);

#endif
