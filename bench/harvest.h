/*
 * harvest: what came of one run of one probe: a result, or one for each peer.
 */
#ifndef BENCH_HARVEST_H
#define BENCH_HARVEST_H

#include "probes/kit/err.h"
#include "probes/kit/result.h"

struct harvest {
    struct result *items; /* owned */
    unsigned count, room;
};

/* Room for so many, none of them there yet. */
int harvest_open(struct harvest *h, unsigned room, struct err *e);
/* An empty one more; NULL when the room is full. */
struct result *harvest_add(struct harvest *h);
void harvest_release(struct harvest *h); /* idempotent */

#endif
