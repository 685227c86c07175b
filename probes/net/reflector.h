/*
 * reflector: a stateless STAMP reflector on one UDP socket, IPv4 and IPv6.
 *
 * T2 is the kernel's stamp of the arrival, T3 the wall clock just before a batch of answers goes
 * out. An answer leaves from the address that was asked. Nothing is remembered of any packet but
 * counts. Not thread-safe.
 */
#ifndef PROBES_NET_REFLECTOR_H
#define PROBES_NET_REFLECTOR_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/answer.h"
#include "probes/net/peer.h"

struct reflector_counts {
    uint64_t by_kind[ANSWER_KINDS]; /* packets received, by what was decided */
    uint64_t unsent;                /* answers that the kernel did not take */
};

struct reflector_batch;

struct reflector {
    int fd;                 /* REFLECTOR_CLOSED or open */
    union peer_sockaddr at; /* where it listens, the port as bound */
    uint16_t error_estimate;
    uint64_t estimated_ns;         /* when, CLOCK_MONOTONIC */
    uint64_t last_ns;              /* last packet, CLOCK_MONOTONIC; 0: none came */
    struct reflector_batch *batch; /* owned */
    struct reflector_counts counts;
};

#define REFLECTOR_CLOSED                                                                           \
    (struct reflector)                                                                             \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Binds; with no host to all addresses, IPv6 and IPv4. ERR_DENIED, ERR_IO with the remedy. */
int reflector_open(struct reflector *r, const struct peer *at, struct err *e);
void reflector_release(struct reflector *r); /* idempotent */
/* Answers until until_ns (CLOCK_MONOTONIC) or *stop. Fails only when the socket does. */
int reflector_run(struct reflector *r, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  struct err *e);
/* Packets of any kind. */
uint64_t reflector_received(const struct reflector *r);

#endif
