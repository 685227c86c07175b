/*
 * scan: the orchestrators' ports of some peers, each asked a few times at most.
 *
 * TCP: one connection a port, closed again without a byte sent (dial.h). UDP: an empty datagram;
 * what the peer's kernel answers tells a closed port. Linux lets out six ICMP errors to one host
 * and then one a second, so that later ones are spaced, and silence is asked a second time.
 * SOURCE: Linux Documentation/networking/ip-sysctl.rst (icmp_ratelimit, icmp_ratemask),
 * net/ipv4/route.c inet_peer_xrlim_allow (burst of 6).
 *
 * One thread, no allocation after scan_open. Not thread-safe.
 */
#ifndef PROBES_NET_SCAN_H
#define PROBES_NET_SCAN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/services.h"
#include "probes/net/dial.h"

struct scan_door {
    const struct service *service;
    enum door door;
    unsigned asked;    /* connections begun, or datagrams sent */
    uint64_t asked_ns; /* the last time, CLOCK_MONOTONIC */
    struct dial dial;  /* TCP */
    int fd;            /* UDP; -1 while not asked */
};

struct scan {
    union peer_sockaddr peer; /* its port is that of the reflector */
    bool alive;               /* something came back from the host, whatever it was */
    int call_fd; /* a STAMP request now and then, so that the reflector may show life */
    unsigned calls;
    uint64_t call_due_ns;
    struct scan_door doors[SERVICES_MAX];
    unsigned count;
    uint64_t udp_due_ns; /* when the next datagram may go */
    unsigned udp_sent;
    uint64_t tcp_due_ns;
};

struct scan_terms {
    uint64_t timeout_ns; /* of a connection; the kernel repeats its SYN after 1 s and 3 s */
    unsigned udp_asks;   /* datagrams to a port that stays silent, at most */
};

enum {
    SCAN_AT_ONCE = 16 /* peers; their sockets stay below the usual limit of 1024 descriptors */
};

/* Those of the services that nodes reach on one another; the table ends with port 0. */
void scan_open(struct scan *s, const union peer_sockaddr *peer, const struct service *services);
void scan_release(struct scan *s); /* idempotent */

/*
 * Asks at most SCAN_AT_ONCE of them side by side, until all is known, until_ns or *stop. A port
 * that had too little time to answer counts as not asked.
 */
void scan_run(struct scan *scans, unsigned count, const struct scan_terms *terms, uint64_t until_ns,
              const volatile sig_atomic_t *stop);

unsigned scan_tally(const struct scan *s, enum door d);
/* "2379 8472/udp": those with that answer, in the table's order. */
void scan_words(const struct scan *s, enum door d, struct buf *words);

/* Datagrams and SYNs for one peer at most. */
uint64_t scan_packets(const struct scan_terms *terms);

#endif
