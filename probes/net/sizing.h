/*
 * sizing: asks one peer's reflector with packets of growing size which ones come back whole.
 *
 * Packets carry DF and ignore what the kernel believes of the path (IP_PMTUDISC_PROBE), so that
 * each size is tried on the wire. An answer is as large as its request: one that comes back in one
 * piece proves both ways. Each size is asked up to SIZING_TRIES times, and each time a small packet
 * goes beside it: only where small ones come back is a silence about the size.
 * SOURCE: ip(7) IP_MTU_DISCOVER, IP_RECVERR; Linux net/ipv4/ip_sockglue.c IP_RECVFRAGSIZE (the
 * largest fragment of a packet that was put together).
 *
 * Nothing allocates. Not thread-safe.
 */
#ifndef PROBES_NET_SIZING_H
#define PROBES_NET_SIZING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/net/auth.h"
#include "probes/net/egress.h"
#include "probes/net/icmp.h"
#include "probes/net/pathmtu.h"

enum {
    SIZING_TRIES = 5,
    SIZING_PACKETS_MAX =
        400, /* to one peer: some 16 sizes, each asked, confirmed, beside small ones */
};

enum sizing_phase {
    SIZING_GREETING, /* until a small packet is answered */
    SIZING_ASKING,
    SIZING_FOUND,
    SIZING_SILENT,  /* nothing ever came */
    SIZING_REFUSED, /* no one listens there */
    SIZING_LOST,    /* it stopped answering */
};

struct sizing {
    int fd; /* -1 when closed */
    union peer_sockaddr peer;
    struct egress egress;
    struct pathmtu search;
    enum sizing_phase phase;
    unsigned header;            /* octets of IP and UDP before the payload */
    const struct auth_key *key; /* borrowed; NULL: unauthenticated */
    uint16_t ssid;
    uint16_t error_estimate;
    unsigned size;    /* asked now; 0: none */
    unsigned tries;   /* of it */
    unsigned small;   /* answers to small packets meanwhile */
    unsigned outages; /* questions in which not even they came */
    uint64_t next_ns; /* when the next try goes, or the question is given up */
    uint64_t rtt_max_ns;
    uint32_t sequence;
    uint64_t sent, sent_small, answered, answered_small;
    unsigned vanished; /* sizes given up without a word from any router */
    unsigned told;     /* sizes that a router refused */
    uint32_t told_mtu; /* what it named last; 0: nothing */
    union peer_sockaddr told_by;
    unsigned fragmented;     /* answers that came in pieces */
    unsigned fragment_bytes; /* their largest piece */
    int last_errno;
};

/* Connects and finds the interface. The key is kept; NULL: unauthenticated. */
int sizing_open(struct sizing *s, const union peer_sockaddr *peer, const struct auth_key *key,
                uint16_t ssid, struct err *e);
void sizing_release(struct sizing *s); /* idempotent */

/* All peers side by side until each is found or given up, until_ns or *stop. */
void sizing_run(struct sizing *all, unsigned count, uint64_t until_ns,
                const volatile sig_atomic_t *stop);

/* Larger packets vanish and no router says so, though one should (RFC 1191 4, RFC 2923 2.1). */
bool sizing_is_black_hole(const struct sizing *s);

#endif
