/*
 * roster: which of many members has an address. A hash of fixed size; only roster_open allocates.
 */
#ifndef PROBES_NET_ROSTER_H
#define PROBES_NET_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/peer.h"

enum {
    ROSTER_NONE = -1
};

struct roster_row {
    union peer_sockaddr at;
    int member; /* ROSTER_NONE: free */
};

struct roster {
    struct roster_row *rows; /* owned */
    uint32_t mask;
};

int roster_open(struct roster *r, unsigned room, struct err *e);
void roster_release(struct roster *r); /* idempotent */
/* Several members may have the same address. No more than there is room for. */
void roster_add(struct roster *r, const union peer_sockaddr *at, int member);
/*
 * The members with that address, one by one: *place begins as ROSTER_NONE. ROSTER_NONE after the
 * last.
 */
int roster_next(const struct roster *r, const union peer_sockaddr *at, int64_t *place);

#endif
