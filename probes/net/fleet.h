/*
 * fleet: STAMP sessions with many peers, by one thread over a socket for each family, paced open
 * loop.
 *
 * All have the same interval. They do not leave at once but spread over it, in groups that are at
 * least FLEET_TICK_NS apart: a few peers each at a time of its own, a thousand some at a time. A
 * slot is missed when the same peer's next is due too. An answer belongs to the session with its
 * address and SSID. Nothing allocates after fleet_add. Not thread-safe.
 */
#ifndef PROBES_NET_FLEET_H
#define PROBES_NET_FLEET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/peer.h"
#include "probes/net/road.h"
#include "probes/net/roster.h"
#include "probes/net/session.h"

enum {
    FLEET_ROADS = 2 /* IPv4 and IPv6 */
};

struct fleet_counts {
    uint64_t refused; /* ICMP: no one listens at that port */
    uint64_t icmp;    /* other ICMP errors: no route, prohibited */
    uint64_t unsent;  /* the kernel did not take the packet: they count as lost */
    uint64_t taken;   /* slots used */
    uint64_t missed;  /* slots that this process was too late for */
    int last_errno;   /* of refused, icmp, unsent; 0: none */
};

struct fleet_member {
    union peer_sockaddr at;
    struct session session;
    struct fleet_counts counts;
};

struct fleet_terms {
    unsigned room; /* members at most */
    uint64_t interval_ns;
    struct tlv_wish wish; /* in every packet */
    const struct auth_key *key;
    uint8_t tos;
};

/* Another source of events that is waited for as well. */
struct fleet_watch {
    int fd; /* -1: none */
    void (*ready)(void *arg);
    void *arg;
};

struct fleet {
    struct fleet_terms terms;
    struct fleet_member *members; /* owned */
    unsigned count;
    struct road roads[FLEET_ROADS];
    struct roster roster;
    struct fleet_watch watch;
    unsigned groups;
    uint64_t start_ns; /* of the schedule */
    uint64_t slot;     /* the next group's, over all rounds */
    uint64_t late_max_ns;
    bool behind; /* more has come than was taken */
    uint64_t settled_ns;
    uint64_t left_ns;                 /* when fleet_run was last left; 0: never */
    uint64_t foreign;                 /* packets from no member's address: ignored */
    union peer_sockaddr last_foreign; /* where the last one came from */
};

#define FLEET_CLOSED                                                                               \
    (struct fleet)                                                                                 \
    {                                                                                              \
        .watch.fd = -1, .roads = { ROAD_CLOSED, ROAD_CLOSED }                                      \
    }

int fleet_open(struct fleet *f, const struct fleet_terms *terms, struct err *e);
void fleet_release(struct fleet *f); /* idempotent */
/*
 * One more peer. Its interval, key and items are the fleet's own, and whether it is stamped the
 * socket's; of terms the rest counts. The SSIDs of members must differ.
 */
int fleet_add(struct fleet *f, const union peer_sockaddr *at, const struct session_terms *terms,
              struct err *e);

/*
 * The member whose session these octets, to or from that address, belong to by their SSID;
 * ROSTER_NONE when there is none.
 */
int fleet_find(const struct fleet *f, const union peer_sockaddr *at, const uint8_t *bytes,
               size_t size);

/* Sends a packet to each each interval and takes the answers, until until_ns or *stop. */
void fleet_run(struct fleet *f, uint64_t until_ns, const volatile sig_atomic_t *stop);
/* Only takes answers, until every packet has settled, until_ns or *stop. */
void fleet_drain(struct fleet *f, uint64_t until_ns, const volatile sig_atomic_t *stop);

#endif
