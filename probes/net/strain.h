/*
 * strain: small packets to a peer's reflector at a pace, with or without a stream of large ones
 * beside them. The reflector sends back as much as it gets, so that both ways are loaded.
 *
 * A round trip is by the kernel's stamp of the arrival, and without the reflector's own time. Two
 * sockets: the stream's queue in this host's socket buffer does not hold the small packets up, the
 * queues behind it do. Nothing allocates after strain_open. Not thread-safe.
 */
#ifndef PROBES_NET_STRAIN_H
#define PROBES_NET_STRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/hist.h"
#include "probes/net/auth.h"
#include "probes/net/peer.h"

enum {
    STRAIN_BYTES = 1200,      /* of a large packet: passes any path that carries IPv6 */
    STRAIN_SMALLS_MAX = 4096, /* small packets of one phase */
};

struct strain_terms {
    uint64_t interval_ns; /* between small packets */
    uint64_t bytes_per_s; /* of the stream, payload, each way */
    uint16_t ssid;
    const struct auth_key *key; /* borrowed; NULL: unauthenticated */
};

struct strain_counts {
    uint64_t small, small_answered;
    uint64_t large, large_answered;
    uint64_t large_in_time; /* of these, while it still sent */
    uint64_t unsent;        /* large packets that this host's socket had no room for */
};

struct strain {
    int small_fd, large_fd; /* -1 when closed */
    union peer_sockaddr peer;
    struct strain_terms terms;
    uint16_t error_estimate;
    uint32_t first, next; /* sequences of the phase's small packets */
    uint32_t large_next;
    uint64_t large_left; /* packets that may still be sent: the bound in bytes */
    bool seen[STRAIN_SMALLS_MAX];
    struct strain_counts counts; /* of the phase */
    int last_errno;
};

/* budget_bytes: what the stream may send in all, each way. */
int strain_open(struct strain *s, const union peer_sockaddr *peer, const struct strain_terms *terms,
                uint64_t budget_bytes, struct err *e);
void strain_release(struct strain *s); /* idempotent */

struct strain_phase {
    uint64_t send_ns;  /* how long it sends */
    uint64_t drain_ns; /* how long it waits for answers afterwards, at most */
    bool loaded;
    struct hist *rtt; /* takes the round trips; may be NULL */
    const volatile sig_atomic_t *stop;
};

/* One phase; counts are those of it. */
void strain_run(struct strain *s, const struct strain_phase *phase);
/* Whether the bound is reached. */
bool strain_is_spent(const struct strain *s);

#endif
