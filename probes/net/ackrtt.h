/*
 * ackrtt: one direction of a TCP connection as it was captured: which segments wait for their ACK,
 * and how long each waited. Pure; time is an argument. Sequence numbers are modulo 2^32.
 *
 * An ACK gives one RTT at most: when it acknowledges the end of a segment exactly. A segment that
 * was sent again gives none (Karn), unless the timestamps say that its first sending was answered.
 * Where a hole held the ACK back that RTT is longer than the path: a second figure counts from the
 * latest segment that the ACK newly acknowledges, for that one set it off; sent again it counts if
 * the timestamps say which sending was answered. A third, to compare with tshark, knows no Karn.
 * Segments wait in a pool that all directions share; one that finds no room gives no RTT, and later
 * ones do: fewer samples, none of them wrong. SOURCE: RFC 6298 3 (Karn's rule), RFC 7323 4 (which
 * TSval an ACK echoes), RFC 9293 3.8.4 and 3.8.6 (keep-alives, zero-window probes).
 */
#ifndef PROBES_NET_ACKRTT_H
#define PROBES_NET_ACKRTT_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/dissect.h"

enum {
    ACKRTT_POOL = 1 << 18,   /* segments under way over all connections: 10 MB */
    ACKRTT_DEPTH = 4096,     /* of one direction: 6 MB in flight by 1448-octet segments */
    ACKRTT_DEPTH_FIRST = 64, /* until an ACK is seen: perhaps none is ever captured */
    ACKRTT_FAR = 1 << 26     /* octets: what jumps further is no part of this stream */
};

#define ACKRTT_REORDER_NS                                                                          \
    UINT64_C(3000000)                     /* a hole filled sooner, with no RTT known, is disorder */
#define ACKRTT_COPY_NS UINT64_C(10000000) /* one packet seen at two interfaces */

struct ackrtt_node { /* a segment that waits for its ACK */
    uint64_t first_ns, last_ns;
    uint32_t seq, end;
    uint32_t first_tsval, last_tsval;
    uint32_t next; /* in the list or the free list; 0: none */
    uint16_t id;
    bool stamped;
    bool again; /* sent more than once */
};

struct ackrtt_pool {
    struct ackrtt_node *nodes; /* owned; the first is not used */
    uint32_t free;             /* those given back; 0: none */
    uint32_t used;             /* those ever taken */
};

struct ackrtt {
    uint32_t head, tail; /* by rising sequence */
    uint32_t count;
    uint32_t next;    /* behind the highest octet seen */
    uint32_t acked;   /* highest ACK seen */
    uint32_t newest;  /* highest TSval seen */
    uint64_t vain_ns; /* when what ends at acked was last sent again, in vain; 0: not */
    bool begun;       /* next is set */
    bool answered;    /* acked is set */
    bool stamped;     /* newest is set */
    bool thinned;     /* what waits is not all there is */
};

enum ackrtt_sent {
    ACKRTT_NOTHING,   /* no data, no SYN, no FIN */
    ACKRTT_NEW,       /* seen for the first time, in order or beyond a hole */
    ACKRTT_AGAIN,     /* a retransmission */
    ACKRTT_REORDERED, /* overtaken by later ones */
    ACKRTT_COPY,      /* the same packet, captured twice */
    ACKRTT_KEEPALIVE,
    ACKRTT_PROBE,  /* of a closed window */
    ACKRTT_UNSEEN, /* captured after its ACK */
    ACKRTT_SENTS
};

enum ackrtt_answer {
    ACKRTT_NONE,
    ACKRTT_SAMPLE,
    ACKRTT_AMBIGUOUS, /* of a segment sent again, and perhaps not of its first sending */
    ACKRTT_GAP,       /* acknowledges what was not captured */
    ACKRTT_BACKWARDS, /* captured before what it acknowledges, says the clock */
    ACKRTT_ANSWERS
};

struct ackrtt_found {
    enum ackrtt_answer answer;
    uint64_t rtt_ns;  /* with ACKRTT_SAMPLE */
    uint64_t path_ns; /* with is_path */
    uint64_t any_ns;  /* with is_any: from the first sending, whichever was answered */
    bool is_path, is_any;
};

int ackrtt_pool_open(struct ackrtt_pool *p, struct err *e);
void ackrtt_pool_release(struct ackrtt_pool *p); /* idempotent */

/* Forgets what it knew; its segments go back to the pool. A zeroed one is as good. */
void ackrtt_reset(struct ackrtt *a, struct ackrtt_pool *p);
/*
 * A segment in this direction. window: that the other side last offered, unscaled. rtt_ns: a
 * usual RTT of the connection, to tell disorder from loss; 0: not known.
 */
enum ackrtt_sent ackrtt_send(struct ackrtt *a, struct ackrtt_pool *p,
                             const struct dissect_segment *s, uint64_t now_ns, uint32_t window,
                             uint64_t rtt_ns);
/* A segment the other way, with DISSECT_ACK. */
void ackrtt_receive(struct ackrtt *a, struct ackrtt_pool *p, const struct dissect_segment *s,
                    uint64_t now_ns, struct ackrtt_found *found);

#endif
