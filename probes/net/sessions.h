/*
 * sessions: the reflector's own sequence numbers, one row a test session, for stateful reflection:
 * a sender can then tell loss on the way there from loss on the way back.
 *
 * A session is an address, a port and an SSID. The table has a fixed size; a new session takes the
 * place of one that was silent for SESSIONS_QUIET_NS, else of the one with the fewest packets, so
 * that a flood of forged sessions pushes out its own. Time is an argument. Not thread-safe.
 * SOURCE: RFC 8762 4.3 (stateful mode), RFC 8972 3 (SSID), RFC 5357 3.1 (REFWAIT, 900 s).
 */
#ifndef PROBES_NET_SESSIONS_H
#define PROBES_NET_SESSIONS_H

#include <stdint.h>

#include "probes/kit/clk.h"
#include "probes/kit/err.h"
#include "probes/net/origin.h"

enum {
    SESSIONS_SETS = 4096, /* a power of two */
    SESSIONS_WAYS = 8,    /* 32,768 sessions of 48 octets: 1.5 MiB */
};

#define SESSIONS_QUIET_NS (900 * (uint64_t)CLK_NS_PER_S)

struct sessions_row;

struct sessions {
    struct sessions_row *rows; /* owned */
    struct origin_seed seed;
    uint64_t begun;      /* sessions */
    uint64_t pushed_out; /* of these, before they were silent for long */
};

struct sessions_name {
    struct origin from;
    uint16_t port, ssid;
};

int sessions_open(struct sessions *s, struct origin_seed seed, struct err *e);
void sessions_release(struct sessions *s); /* idempotent */
/* The sequence number of the next answer in that session: 0, 1, 2. */
uint32_t sessions_next(struct sessions *s, const struct sessions_name *n, uint64_t now_ns);

#endif
