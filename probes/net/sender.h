/*
 * sender: a STAMP session over a socket, paced open loop.
 *
 * T1 is the wall clock just before the packet goes to the kernel; T4 is the kernel's stamp of the
 * arrival where it gives one, so that the wake-up of this process is not in the RTT. The socket is
 * not connected: answers from elsewhere are seen, counted and ignored. Nothing here allocates but
 * the session's ring. Not thread-safe.
 */
#ifndef PROBES_NET_SENDER_H
#define PROBES_NET_SENDER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/pace.h"
#include "probes/net/peer.h"
#include "probes/net/session.h"

struct sender_counts {
    uint64_t foreign; /* packets from another address or port: ignored */
    uint64_t refused; /* ICMP: no one listens at that port */
    uint64_t icmp;    /* other ICMP errors: no route, prohibited */
    uint64_t unsent;  /* the kernel did not take the packet: they count as lost */
    uint64_t stamped; /* answers with the kernel's time of arrival */
    uint64_t taken;   /* slots of the pace used */
    uint64_t missed;  /* slots that this process was too late for */
    uint64_t late_max_ns;
    int last_errno; /* of refused, icmp, unsent; 0: none */
};

struct sender {
    int fd; /* SENDER_CLOSED or open */
    union peer_sockaddr peer;
    union peer_sockaddr last_foreign; /* where the last ignored packet came from */
    uint16_t error_estimate;
    struct session session;
    struct sender_counts counts;
    uint64_t left_ns; /* when sender_run was last left; 0: never */
};

#define SENDER_CLOSED                                                                              \
    (struct sender)                                                                                \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* What is done with a sample; called from sender_run. */
struct sender_sink {
    void (*take)(void *arg, const struct session_sample *sample);
    void *arg;
};

int sender_open(struct sender *s, const union peer_sockaddr *peer,
                const struct session_terms *terms, struct err *e);
void sender_release(struct sender *s); /* idempotent */

/* Sends a packet each interval and takes the answers, until until_ns or *stop. */
void sender_run(struct sender *s, uint64_t until_ns, const volatile sig_atomic_t *stop,
                const struct sender_sink *sink);
/* Only takes answers, until every packet has settled, until_ns or *stop. */
void sender_drain(struct sender *s, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  const struct sender_sink *sink);

#endif
