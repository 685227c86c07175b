/*
 * departure: how long answers take from their time T3 to the moment when the kernel hands them to
 * the driver. T3 is written into the packet and so cannot contain this; a sender that takes T4 - T3
 * for the wire's time errs by it. A few answers a second are asked about, one at a time.
 *
 * The socket must not be used for other transmit stamps. Not thread-safe.
 * SOURCE: Linux Documentation/networking/timestamping.rst (SO_TIMESTAMPING by control message, the
 * error queue, OPT_TSONLY).
 */
#ifndef PROBES_NET_DEPARTURE_H
#define PROBES_NET_DEPARTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"

struct departure {
    struct hist took_ns; /* T3 to the kernel's stamp; owned */
    uint64_t t3_ns;      /* of the answer that is asked about, CLOCK_REALTIME; 0: none is */
    uint64_t next_ns;    /* when to ask again, CLOCK_MONOTONIC */
    unsigned turn;
};

/* Makes room; a socket that gives no such stamps gives none later. */
int departure_open(struct departure *d, int fd, struct err *e);
void departure_release(struct departure *d); /* idempotent */
/* Whether it is time to ask about an answer. */
bool departure_is_due(const struct departure *d, uint64_t now_ns);
/* Which of `count` answers to ask about: each place in turn. */
unsigned departure_pick(struct departure *d, unsigned count);
/* m is about to be sent and is asked about. */
void departure_ask(struct departure *d, uint64_t t3_ns, uint64_t now_ns);
/* Takes all that the socket's error queue holds, stamps and others. */
void departure_collect(struct departure *d, int fd);
/* One stamp; what cannot be that answer's is passed over. */
void departure_note(struct departure *d, uint64_t left_ns);

#endif
