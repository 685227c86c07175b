/*
 * worst: the worst moments of a run over all probes, each with what happened to the CPUs meanwhile.
 *
 * What is long for a disk is short for a network, so durations of different probes do not compete:
 * the longest event of every measurement is taken first, then the second of each, until there are
 * enough; they are listed longest first. The same stall seen by two probes is one, and so is the
 * same silence towards several peers; a stall that is said beside an event has no line of its own.
 * Points in time, and stalls that this program's own load made, are left out. Pure.
 */
#ifndef REPORTS_WORST_H
#define REPORTS_WORST_H

#include "probes/kit/err.h"
#include "reports/coincidence.h"

enum {
    WORST_MOST = 10,
    WORST_SHORT = 3 /* of a short report */
};

struct worst {
    const struct result *owner; /* borrowed from the document */
    const struct result_event *event;
    unsigned peers; /* others of the same probe that saw it too */
    struct coincidence why;
};

/* How many there are, at most `most`; -1 without memory. */
int worst_find(const struct document *d, unsigned most, struct worst found[WORST_MOST],
               struct err *e);
/* "no answer for 202 ms (2 more peers alike)" */
void worst_what(const struct worst *w, struct buf *out);
/* "disk.wal: fdatasync 40.2 ms at 12.3 s, inside a 38.1-ms theft on CPU 1 (hypervisor)" */
void worst_tell(const struct worst *w, struct buf *out);

#endif
