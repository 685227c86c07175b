/*
 * session: the sender's side of a STAMP test as a state machine. No sockets, no clock: packets and
 * times go in, samples and counts come out.
 *
 * With T1 sent, T2 received there, T3 reflected, T4 received here:
 *   RTT    = (T4 - T1) - (T3 - T2), without the reflector's residence (RFC 2681, RFC 8762 4.3);
 *            T4 - T1 is by the monotonic clock, so that a step of the wall clock cannot touch it
 *   IPDV   = D(i) - D(i-1) of consecutive packets, each way: D = T2 - T1 and T4 - T3; the offset of
 *            the clocks cancels (RFC 3393)
 *   offset = ((T2 - T1) + (T3 - T4)) / 2, the peer's clock ahead of ours, known to RTT / 2
 *   loss   = no answer within tmax_ns (RFC 7680); duplicates are none (RFC 5560)
 *   reordered: an answer below the next expected sequence (RFC 4737 3.3)
 *   gap    = longest time between answers while packets were being sent, a sender's own pause not
 *            counted; its resolution is the interval
 *
 * Packets settle in the order of sending: answered, or lost after tmax_ns. Only session_open
 * allocates. Not thread-safe.
 */
#ifndef PROBES_NET_SESSION_H
#define PROBES_NET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/stamp.h"

struct session_time { /* one moment by both clocks */
    uint64_t mono_ns;
    uint64_t real_ns; /* since 1970 */
};

struct session_terms {
    uint16_t ssid; /* not 0; tells our answers from those to others */
    uint64_t interval_ns;
    uint64_t tmax_ns;
    void (*lost)(void *arg, uint32_t sequence); /* told of each one given up; may be NULL */
    void *arg;
};

/* What became of something received. */
enum session_kind {
    SESSION_SAMPLE,
    SESSION_IMPLAUSIBLE, /* answered, but the reflector's times cannot be: its clock was stepped */
    SESSION_DUPLICATE,
    SESSION_LATE,      /* beyond tmax_ns: lost all the same */
    SESSION_TRUNCATED, /* the rest is not ours, or damaged: ignored */
    SESSION_OVERSIZED, /* longer than what was sent */
    SESSION_FOREIGN,   /* another SSID */
    SESSION_UNKNOWN,   /* a sequence or timestamp that was not sent, or long ago: stale or forged */
    SESSION_KINDS
};

enum {
    SESSION_IPDV_MAX = 4 /* an answer may stand between two others; each pair counts each way */
};

struct session_sample {
    uint64_t rtt_ns;
    bool clocks_steady; /* offset and IPDV are there; not when our wall clock was stepped */
    int64_t offset_ns;
    bool offset_known;                  /* not with PTP timestamps, whose scale may not be UTC */
    uint64_t ipdv_ns[SESSION_IPDV_MAX]; /* absolute */
    unsigned ipdv_count;
    uint8_t request_ttl; /* as our packet arrived there */
};

struct session_counts {
    uint64_t sent;
    uint64_t settled; /* answered or lost, in the order of sending */
    uint64_t lost;
    uint64_t reordered;
    uint64_t steps; /* answers over which our wall clock was stepped */
    uint64_t received[SESSION_KINDS];
};

struct session_slot;

struct session {
    struct session_terms terms;
    struct session_slot *slots; /* owned ring of tmax_ns and more */
    uint32_t mask;
    uint32_t next;     /* sequence to be sent */
    uint32_t oldest;   /* first that is not settled */
    uint32_t expected; /* next by RFC 4737 */
    uint64_t gap_from_ns;
    bool gap_asked; /* something was sent since */
    uint64_t gap_max_ns;
    struct session_counts counts;
};

/* ERR_USAGE when tmax_ns / interval_ns is above a million. */
int session_open(struct session *s, const struct session_terms *terms, struct err *e)
    __attribute__((warn_unused_result));
void session_release(struct session *s); /* idempotent */

/*
 * Makes the next packet, STAMP_BYTES long. -1 when a full ring of packets is still open, which a
 * sender that settles and keeps the interval does not see.
 */
int session_send(struct session *s, struct session_time t1, uint16_t error_estimate,
                 uint8_t *packet);
/* Takes a packet of any size and content. *sample is filled for SESSION_SAMPLE only. */
enum session_kind session_receive(struct session *s, const uint8_t *packet, size_t size,
                                  struct session_time t4, struct session_sample *sample);
/* Call after all that has arrived by then was received. */
void session_settle(struct session *s, uint64_t now_ns);
/* Packets sent that have not settled. */
uint32_t session_unsettled(const struct session *s);

/* Time in which the sender did not ask: its own pause, slots missed. It is no gap. */
void session_skip(struct session *s, uint64_t pause_ns);
/* The longest gap since the last call; one that has not ended counts as long as it is. */
uint64_t session_take_gap(struct session *s, uint64_t now_ns);

#endif
