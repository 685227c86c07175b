/*
 * quota: what the unpacking of a layer is held to at every entry, and at every directory that is
 * made for one because the archive does not list it: their number, a stop, a deadline.
 *
 * One thread a struct; quota_check may be called by many.
 */
#ifndef PROBES_IMAGE_QUOTA_H
#define PROBES_IMAGE_QUOTA_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct quota {
    uint64_t entries_max;
    uint64_t until_ns;                     /* CLOCK_MONOTONIC; 0: never */
    const volatile sig_atomic_t *stopping; /* borrowed; NULL: never */
    uint64_t entries;                      /* taken so far */
};

/* ERR_INTERRUPTED when *stopping is true, ERR_TIMEOUT after until_ns. */
int quota_check(const struct quota *q, struct err *e);
/* The same, for the many: the clock is looked at the first time (nth is 0) and each 64th only. */
int quota_look(const struct quota *q, uint64_t nth, struct err *e);
/* One more entry, and quota_look; ERR_DATA when it is one more than there may be. */
int quota_take(struct quota *q, struct err *e);

#endif
