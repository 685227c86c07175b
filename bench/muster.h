/*
 * muster: the documents of a cluster called together, judged each, and reported as one.
 */
#ifndef BENCH_MUSTER_H
#define BENCH_MUSTER_H

#include "bench/roles.h"
#include "probes/kit/opt.h"

struct muster_wish { /* all borrowed */
    const struct roles *roles;
    bool strict; /* what is not known counts against a role */
    const struct opt_list *paths;
    const char *format; /* "text", "html", ... */
};

/*
 * Reads the documents, appends the report to *out and sets *status, the exit status of the
 * cluster's verdicts: of the named roles the worst, else of all the best.
 */
int muster_report(const struct muster_wish *wish, struct buf *out, int *status, struct err *e);

#endif
