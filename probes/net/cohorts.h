/*
 * cohorts: packets by the second they were sent in, so that loss is known for each, also when it
 * comes out only seconds later. Equal shares of a run, whose mean is the loss of the whole.
 *
 * Pure, fixed size. A long run joins neighbours two by two.
 */
#ifndef PROBES_NET_COHORTS_H
#define PROBES_NET_COHORTS_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/limits.h"

struct cohort {
    uint32_t first; /* sequence */
    uint64_t at_ns;
    uint64_t length_ns; /* set by cohorts_finish */
    uint64_t sent;      /* set by cohorts_finish */
    uint64_t lost;
};

struct cohorts {
    struct cohort items[LIMITS_BLOCKS];
    unsigned count;
    unsigned each;    /* parts in one cohort: 1, 2, 4, ...; 0 is 1 */
    unsigned in_last; /* parts begun in the last one */
};

/* A part begins at at_ns with this sequence. */
void cohorts_begin(struct cohorts *c, uint32_t first, uint64_t at_ns);
void cohorts_lost(struct cohorts *c, uint32_t sequence);
/*
 * Sums up what was sent before `end`, by end_ns; what began at or after is dropped. A last cohort
 * below half the length of the one before is joined to it, so that all weigh alike.
 */
void cohorts_finish(struct cohorts *c, uint32_t end, uint64_t end_ns);

#endif
