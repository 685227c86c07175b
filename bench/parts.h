/*
 * parts: what the figures of one probe go into while it runs: rows and a result for each peer, and
 * one of each for a probe that knows of no peers.
 */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "probes/probe.h"

struct parts {
    struct probe_part *items; /* owned, with all that they point to */
    unsigned count;
};

/* One part, without a name. */
int parts_open(struct parts *p, const struct probe *probe, struct err *e);
void parts_release(struct parts *p); /* idempotent; also after a failure */

/*
 * Names the one there is and adds the others, whose results begin as that one's: seed, times,
 * parameters ("peer" is the own name alone). ERR_USAGE for none, for more than LIMITS_PEERS, for a
 * name that is empty, too long or there twice, and for a second time.
 */
int parts_split(struct parts *p, const struct probe *probe, const char *const *names,
                unsigned count, struct err *e);

/* Empties the rows of all. */
void parts_clear(struct parts *p, const struct probe *probe);
/* Adds a block to each metric of each part in which something was recorded since. */
int parts_keep(struct parts *p, uint64_t at_ns, uint64_t length_ns, struct err *e);

#endif
