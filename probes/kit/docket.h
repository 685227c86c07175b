/*
 * docket: the episodes that wait for their verdict, the glimpses to give it by, and what came of
 * those that are settled. Pure: it reads no clock and no file; its time is that of the glimpses.
 *
 * An episode is settled by the glimpses next to it when the one behind is 20 ms after its end, for
 * steal is counted at the tick after the theft. One that is shorter than two ticks is settled by a
 * window that reaches half a second further on either side. What is left at docket_close is settled
 * by what there is.
 */
#ifndef PROBES_KIT_DOCKET_H
#define PROBES_KIT_DOCKET_H

#include "probes/kit/glimpse.h"
#include "probes/kit/inquest.h"

enum {
    DOCKET_GLIMPSES = 64, /* three seconds of looks each 50 ms */
};

struct docket; /* opaque */

/* For CPUs 0 to cpus - 1; interval_ns as in struct inquest_site. */
struct docket *docket_open(uint32_t cpus, const struct cause_host *host, uint64_t interval_ns,
                           struct err *e);
void docket_free(struct docket *d); /* NULL is allowed */

/* The glimpse to be filled in next; its CPUs are zero or of an old glimpse. */
struct glimpse *docket_next(struct docket *d);
/* When it is filled: settles what it closes. */
void docket_seen(struct docket *d);
/* The last one that was seen; NULL: none. */
const struct glimpse *docket_last(const struct docket *d);

/* By the order of their ends, or nearly. */
void docket_add(struct docket *d, const struct episode *e);
/* A thread that asked for nothing but sleep was stopped or frozen at some time between. */
void docket_halted(struct docket *d, uint64_t from_ns, uint64_t to_ns);
/* The end of the last episode that is not settled; 0: all are. */
uint64_t docket_pending_ns(const struct docket *d);
/* Settles all that is left. */
void docket_close(struct docket *d);

const struct inquest_blame *docket_blame(const struct docket *d, int32_t cpu);
unsigned docket_worst(const struct docket *d, struct inquest_case *cases, unsigned most);
uint64_t docket_crowded(const struct docket *d);

#endif
