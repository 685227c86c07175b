/*
 * greet: which address of each peer answers, before anything is measured. Afterwards neighbours and
 * routes are known to the kernels, and the first packet of the measurement does not pay for that.
 *
 * All addresses of all peers are asked at the same time, for GREET_TMAX_NS at most. Packets begin
 * with GREET_FIRST: a reflector that numbers by itself begins with 0 and is known by it.
 */
#ifndef PROBES_NET_GREET_H
#define PROBES_NET_GREET_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/fleet.h"
#include "probes/net/peer.h"

enum {
    GREET_FIRST = 1 << 20,
    GREET_PACKETS = 30, /* at most, to each address */
};

struct greet_peer {
    struct peer_addresses all; /* asked; none: it is passed over */
    union peer_sockaddr at;    /* the first one that answered */
    bool answered;
    bool stateful;
    struct err e; /* why none did */
};

struct greet_terms {
    struct tlv_wish wish;
    const struct auth_key *key;
    bool ptp;
    uint64_t wait_ns; /* for an answer, at most */
    uint8_t tos;
};

/* Fails only when nothing can be sent, or with ERR_INTERRUPTED. */
int greet_all(struct greet_peer *peers, unsigned count, const struct greet_terms *terms,
              const volatile sig_atomic_t *stop, struct err *e);

#endif
