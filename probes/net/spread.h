/*
 * spread: how far the delays of a run are from their least, each way (PDV).
 *
 * Delays are by two clocks: an offset between them cancels, a drift does not, and shows in a long
 * run between hosts whose clocks no daemon keeps. Only spread_open allocates.
 * SOURCE: RFC 5481 4.2 (PDV, the minimum of the test interval), 6.5 (clocks).
 */
#ifndef PROBES_NET_SPREAD_H
#define PROBES_NET_SPREAD_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"

enum spread_way {
    SPREAD_UP,
    SPREAD_DOWN,
    SPREAD_WAYS
};

struct spread_pair {
    int64_t ns[SPREAD_WAYS];
};

struct spread {
    struct spread_pair *items; /* owned */
    size_t count, room;
    uint64_t left_out; /* for which there was no room */
};

int spread_open(struct spread *s, size_t room, struct err *e);
void spread_release(struct spread *s); /* idempotent */
void spread_add(struct spread *s, int64_t up_ns, int64_t down_ns);
/* Records each delay of that way less the least of them. */
void spread_tell(const struct spread *s, enum spread_way way, struct hist *hist);

#endif
