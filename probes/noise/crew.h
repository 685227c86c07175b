/*
 * crew: a worker on each CPU that may be used, bound to it where the cpuset allows, SCHED_OTHER,
 * all busy at the same time with pieces of work (probes/noise/quantum), each piece timed by
 * CLOCK_MONOTONIC. Rounds of CREW_INTEGERS integer pieces and one of loads.
 *
 * Everything is taken in crew_open. One thread drives it: crew_begin, crew_wait, crew_collect;
 * only crew_work may be asked meanwhile.
 */
#ifndef PROBES_NOISE_CREW_H
#define PROBES_NOISE_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"
#include "probes/noise/ring.h"

enum {
    CREW_INTEGERS = 3
};

struct crew; /* opaque */

struct crew_share {
    uint32_t cpu;
    bool pinned;
    uint64_t work;    /* pieces done in all */
    uint64_t busy_ns; /* wall time that it was at work */
};

/*
 * A worker on each of the CPUs; fewer when a limit on tasks or memory forbids, -1 when there is
 * none. ring is borrowed; a closed one: integer work alone.
 */
struct crew *crew_open(const struct ring *ring, const uint32_t *cpus, unsigned count, uint64_t seed,
                       struct err *e);
void crew_free(struct crew *c); /* NULL is allowed */
unsigned crew_size(const struct crew *c);
/* Sets all to work until then, CLOCK_MONOTONIC; each does one piece at least, and finishes it. */
void crew_begin(struct crew *c, uint64_t until_ns);
/* That time is now. */
void crew_stop(struct crew *c);
/* Returns when none is at work. */
void crew_wait(struct crew *c);
/* Pieces done by all so far, of either kind. */
uint64_t crew_work(const struct crew *c);
/* For how long workers that could have run waited for their CPU, all together, as the kernel says;
 * 0 where it does not say. None is at work. */
uint64_t crew_queued_ns(const struct crew *c);
/* Adds the times since the last call, ns a piece of integer work and ns a load; none is at work. */
void crew_collect(struct crew *c, struct hist *integer, struct hist *memory);
/* What worker `index` has done; none is at work. */
struct crew_share crew_share(const struct crew *c, unsigned index);

#endif
