/*
 * progress: one line a probe on stderr. On a terminal the line lives: time left and the figure so
 * far; elsewhere one plain line when the probe is done.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/result.h"

struct progress {
    bool quiet; /* says nothing */
    bool live;  /* stderr is a terminal */
    unsigned width;
    const char *probe; /* the current one */
    uint64_t shown_ns; /* when the line was drawn last */
};

void progress_init(struct progress *p, bool quiet);
void progress_begin(struct progress *p, const char *probe, uint64_t slot_ns);
void progress_update(void *progress, const char *figure, uint64_t left_ns); /* a runner hook */
void progress_end(struct progress *p, const struct result *r);

#endif
