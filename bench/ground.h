/*
 * ground: what a probe that concludes stands on: the results of its place.
 */
#ifndef BENCH_GROUND_H
#define BENCH_GROUND_H

#include "probes/kit/document.h"

struct ground {
    struct result *results; /* an owned array of borrowed results */
    unsigned count;
};

/* Those measured in that place, and those that belong to none. */
int ground_gather(struct ground *g, const struct document *d, const char *place, struct err *e);
void ground_release(struct ground *g); /* idempotent */

#endif
