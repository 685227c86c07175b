/*
 * basis: what a probe that concludes stands on: the results of its place.
 */
#ifndef BENCH_BASIS_H
#define BENCH_BASIS_H

#include "probes/kit/document.h"

struct basis {
    struct result *results; /* an owned array of borrowed results */
    unsigned count;
};

/* Those measured in that place, and those that belong to none. */
int basis_gather(struct basis *b, const struct document *d, const char *place, struct err *e);
void basis_release(struct basis *b); /* idempotent */

#endif
