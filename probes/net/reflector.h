/*
 * reflector: a STAMP reflector on one UDP socket, IPv4 and IPv6.
 *
 * T2 is the kernel's stamp of the arrival, T3 the wall clock just before a few answers go out; how
 * long they take from there is measured on some (departure.h). An answer leaves from the address
 * that was asked, and is as long as what was asked. Without rules every source is answered, without
 * limit and statelessly. In this order a packet is held against the allow list, its form and HMAC,
 * and the rate of its source: a forged packet takes nothing from the rate of whom it names, if
 * there is a key. Not thread-safe.
 */
#ifndef PROBES_NET_REFLECTOR_H
#define PROBES_NET_REFLECTOR_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/answer.h"
#include "probes/net/bucket.h"
#include "probes/net/cidr.h"
#include "probes/net/departure.h"
#include "probes/net/distinct.h"
#include "probes/net/peer.h"
#include "probes/net/sessions.h"

struct reflector_rules {
    struct cidr_list allow;     /* who is answered; empty: everybody */
    uint64_t rate;              /* packets a second of each source; 0: no limit */
    bool stateful;              /* own sequence numbers for each session */
    const struct auth_key *key; /* NULL: unauthenticated; must outlive the reflector */
};

/* Each packet received is counted once, in by_kind, disallowed or limited. */
struct reflector_counts {
    uint64_t by_kind[ANSWER_KINDS]; /* by what was decided of its form; ANSWER_GIVEN: answered */
    uint64_t disallowed;            /* from none of rules.allow */
    uint64_t limited;               /* good, but above the rate of its source */
    uint64_t unsent;                /* answers that the kernel did not take; of ANSWER_GIVEN */
    uint64_t clock_steps;           /* of the wall clock, 10 ms or more */
};

struct reflector_batch;

struct reflector {
    int fd;                 /* REFLECTOR_CLOSED or open */
    union peer_sockaddr at; /* where it listens, the port as bound */
    struct answer_policy policy;
    struct cidr_list allow;
    struct bucket bucket;
    struct sessions sessions; /* open if policy.stateful */
    struct distinct refused;  /* sources that were not answered */
    struct departure departure;
    uint64_t estimated_ns;         /* policy.error_estimate, CLOCK_MONOTONIC */
    uint64_t realtime_ahead_ns;    /* CLOCK_REALTIME less CLOCK_MONOTONIC; 0: not looked yet */
    uint64_t last_ns;              /* last answer, CLOCK_MONOTONIC; 0: none was given */
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
/* Sets the rules, once, before the first packet is answered. ERR_NO_RESOURCE. */
int reflector_govern(struct reflector *r, const struct reflector_rules *rules, struct err *e);
/* Answers until until_ns (CLOCK_MONOTONIC) or *stop. Fails only when the socket does. */
int reflector_run(struct reflector *r, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  struct err *e);
/* Packets of any kind. */
uint64_t reflector_received(const struct reflector *r);

#endif
