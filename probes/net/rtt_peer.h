/*
 * rtt_peer: what net.rtt keeps of one peer while it measures, and the figures it makes of it.
 */
#ifndef PROBES_NET_RTT_PEER_H
#define PROBES_NET_RTT_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/net/cohorts.h"
#include "probes/net/fleet.h"
#include "probes/net/spread.h"
#include "probes/probe.h"

struct rtt_fastest { /* the exchange that tells the clock's offset best */
    uint64_t rtt_ns; /* 0: none */
    int64_t offset_ns;
};

struct rtt_worst { /* the packet whose times were furthest apart */
    int64_t diff_ns;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
};

struct rtt_silence { /* a time without an answer while packets were sent */
    uint64_t at_ns;  /* CLOCK_MONOTONIC */
    uint64_t length_ns;
};

enum {
    RTT_SILENCES = 8 /* the longest that are kept, one a repetition at most */
};

struct rtt_peer {
    struct probe_run *run; /* borrowed */
    unsigned part;         /* which of the run's */
    int member;            /* of the fleet; ROSTER_NONE: it does not answer */
    bool brief; /* one of so many that only net.rtt and net.rtt.felt are kept as distributions */
    struct cohorts cohorts;
    struct spread spread;
    struct rtt_fastest fastest; /* of this repetition */
    struct rtt_fastest best;    /* of all */
    struct rtt_worst wire_sent, wire_received;
    struct rtt_silence silences[RTT_SILENCES];
    unsigned silence_count;
    uint8_t ttl; /* as our packets arrive there; 0: not known */
};

/* Takes what the session tells of this peer. */
struct session_sink rtt_peer_sink(struct rtt_peer *p);
/* One packet's distance between the capture's time and the kernel's. */
void rtt_peer_wire(struct rtt_peer *p, bool sent, int64_t diff_ns);

/*
 * The longest silence of a repetition: kept when it is worth an event, which is from 50 ms and four
 * intervals on. One that went on is the same.
 */
void rtt_peer_silent(struct rtt_peer *p, uint64_t interval_ns, const struct rtt_silence *silence);

/* At the begin and the end of a repetition. */
void rtt_peer_begin(struct rtt_peer *p, const struct session *s, uint64_t now_ns);
void rtt_peer_end(struct rtt_peer *p, struct session *s, uint64_t now_ns);
/* After the last: the figures that are known only now, as blocks of their own. */
void rtt_peer_conclude(struct rtt_peer *p, const struct session *s, uint64_t left_ns);

#endif
