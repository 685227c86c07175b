/*
 * track: one TCP connection as it was captured: both directions, the handshake, which end called.
 * Pure; time is an argument.
 *
 * The RTT of data that side 0 sent is that from the capture to side 1 and back, and the other way
 * round. SYN to the caller's first ACK is the round trip between both ends, wherever the capture
 * stands; it is not taken where a SYN or SYN/ACK was sent again.
 */
#ifndef PROBES_NET_TRACK_H
#define PROBES_NET_TRACK_H

#include "probes/net/ackrtt.h"

enum track_caller {
    TRACK_CALLER_0,
    TRACK_CALLER_1,
    TRACK_CALLER_UNKNOWN /* its SYN was not captured */
};

enum track_shake {
    TRACK_SHAKE_NONE,
    TRACK_SHAKE_SYN,
    TRACK_SHAKE_SYN_ACK,
    TRACK_SHAKE_OVER /* seen whole, or spoilt */
};

struct track_side {
    struct ackrtt sent; /* by this side */
    uint32_t isn;
    uint16_t window; /* it last offered */
    bool begun;      /* isn is set */
    bool offered;    /* window is set */
    bool seen;       /* has sent anything */
};

struct track {
    struct track_side sides[2];
    uint64_t syn_ns;
    uint64_t fastest_ns[2]; /* the shortest path to that side and back; 0: none yet */
    enum track_caller caller;
    enum track_shake shake;
};

struct track_found {
    enum ackrtt_sent sent;
    struct ackrtt_found ack;
    unsigned to;           /* the side that answered */
    uint64_t handshake_ns; /* with shaken */
    bool shaken;           /* this ACK ends a handshake */
    bool fresh;            /* a connection begins */
};

/* A segment that side `side` (0, 1) sent. A zeroed track knows nothing, and is begun by it. */
void track_take(struct track *t, struct ackrtt_pool *p, const struct dissect_segment *s,
                unsigned side, uint64_t now_ns, struct track_found *found);
/* Gives back what it holds of the pool. */
void track_reset(struct track *t, struct ackrtt_pool *p);

#endif
