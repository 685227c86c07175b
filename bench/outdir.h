/*
 * outdir: the folder of a run: result.json, report.html, report.md.
 */
#ifndef BENCH_OUTDIR_H
#define BENCH_OUTDIR_H

#include "probes/kit/err.h"
#include "reports/render.h"

enum {
    OUTDIR_PATH_BYTES = 512
};

struct outdir {
    char path[OUTDIR_PATH_BYTES];
};

/*
 * wanted "" is plimsoll-HOST-TIME in the current directory. Only looks, before the measurement,
 * whether it could be made: refuses a folder that already holds a result.
 */
int outdir_plan(const char *wanted, struct outdir *o, struct err *e);
/* Makes it and writes all three; on failure it is removed again. */
int outdir_write(const struct outdir *o, const struct report *r, struct err *e);

#endif
