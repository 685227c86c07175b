/*
 * session: the sender's side of a STAMP test as a state machine. No sockets, no clock: packets and
 * times go in, samples and counts come out.
 *
 * A round trip has these times. By this process: T1u just before the packet goes to the kernel, T4u
 * just after the answer was read. By the kernel or the NIC: T1k as it leaves the host, T4k as it
 * arrives. By the reflector: T2 received, T3 reflected. Where a kernel's time is missing, the
 * process's own stands for it, and is counted.
 *   RTT       = (T4k - T1k) - (T3 - T2), the wire's (RFC 2681, RFC 8762 4.3); by the monotonic
 *               clock, so that a step of the wall clock cannot touch it
 *   felt      = T4u - T1u, the whole of what a process waits
 *   send, wake, residence = T1k - T1u, T4u - T4k, T3 - T2
 *   delay     = T2 - T1k and T4k - T3, each by two clocks
 *   IPDV      = delay(i) - delay(i-1) of consecutive packets, each way; the offset of the clocks
 *               cancels (RFC 3393)
 *   jitter    = the mean of such changes in the order of arrival, by 1/16 (RFC 3550 6.4.1)
 *   offset    = ((T2 - T1k) + (T3 - T4k)) / 2, the peer's clock ahead of ours, known to RTT / 2
 *   loss      = no answer within tmax_ns (RFC 7680); duplicates are none (RFC 5560)
 *   gap       = longest time between answers while packets were being sent, a sender's own pause
 *               not counted; its resolution is the interval
 *
 * Packets settle in the order of sending: answered, or lost after tmax_ns. A sample is told when
 * the packet's T1k is there, which may come after the answer. Only session_open allocates. Not
 * thread-safe.
 */
#ifndef PROBES_NET_SESSION_H
#define PROBES_NET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/order.h"
#include "probes/net/stamp.h"
#include "probes/net/tlv.h"
#include "probes/net/ways.h"

struct session_time { /* one moment by both clocks */
    uint64_t mono_ns;
    uint64_t real_ns; /* since 1970 */
};

/* What the kernel and the NIC say of a packet; 0: nothing. */
struct session_stamp {
    uint64_t real_ns; /* CLOCK_REALTIME */
    uint64_t nic_ns;  /* the NIC's own clock, whatever it shows */
};

struct session_arrival {
    struct session_time read; /* T4u */
    struct session_stamp stamp;
};

enum {
    SESSION_IPDV_MAX = 2 /* an answer may stand between two others */
};

struct session_sample {
    uint32_t sequence;
    uint64_t rtt_ns, felt_ns, residence_ns;
    bool sent_stamped; /* T1k is the kernel's: send_ns is there */
    uint64_t send_ns;
    bool arrival_stamped; /* T4k is the kernel's: wake_ns is there */
    uint64_t wake_ns;
    bool by_nic;            /* the RTT is by the NIC's times */
    bool clocks_steady;     /* what follows is there; not when our wall clock was stepped */
    int64_t up_ns, down_ns; /* delays by two clocks */
    int64_t offset_ns;
    bool offset_known; /* not with PTP timestamps, whose scale may not be UTC */
    uint64_t ipdv_up_ns[SESSION_IPDV_MAX], ipdv_down_ns[SESSION_IPDV_MAX]; /* absolute */
    unsigned ipdv_count;
    uint8_t request_ttl; /* as our packet arrived there */
};

/* Told while packets go in; each may be NULL. */
struct session_sink {
    void (*sample)(void *arg, const struct session_sample *sample);
    void (*lost)(void *arg, uint32_t sequence);
    void *arg;
};

struct session_terms {
    uint16_t ssid;  /* not 0; tells our answers from those to others */
    uint32_t first; /* sequence of the first packet */
    uint64_t interval_ns;
    uint64_t tmax_ns;
    bool ptp;                   /* format of our timestamps */
    bool stamped;               /* session_stamped is going to be called: samples wait for it */
    bool stateful;              /* the reflector is known to number its answers by itself */
    const struct auth_key *key; /* borrowed; NULL: unauthenticated */
    struct tlv_wish wish;       /* what the packets carry besides */
    struct session_sink sink;
};

/* What became of something received. */
enum session_kind {
    SESSION_SAMPLE,
    SESSION_IMPLAUSIBLE, /* answered, but the reflector's times cannot be: its clock was stepped */
    SESSION_DUPLICATE,
    SESSION_LATE,      /* beyond tmax_ns: lost all the same */
    SESSION_TRUNCATED, /* the rest is not ours, or damaged: ignored */
    SESSION_OVERSIZED, /* longer than what was sent */
    SESSION_FORGED,    /* its HMAC is not of our key */
    SESSION_FOREIGN,   /* another SSID */
    SESSION_UNKNOWN,   /* a sequence or timestamp that was not sent, or long ago: stale or forged */
    SESSION_KINDS
};

struct session_counts {
    uint64_t sent;
    uint64_t settled; /* answered or lost, in the order of sending */
    uint64_t lost;
    uint64_t steps;           /* answers over which our wall clock was stepped */
    uint64_t unstamped_sent;  /* samples with T1u for T1k */
    uint64_t unstamped_taken; /* samples with T4u for T4k */
    uint64_t by_nic;          /* samples by the NIC's times */
    uint64_t items_untrue, items_malformed, items_unknown; /* answers with such TLVs */
    uint64_t received[SESSION_KINDS];
};

struct session_run { /* packets lost one after the other */
    uint64_t packets;
    uint64_t ns; /* an interval for each */
};

struct session_jitter {
    double up_ns, down_ns;
    bool begun;
    int64_t up_last_ns, down_last_ns; /* delays of the one before */
};

struct session_slot;

struct session {
    struct session_terms terms;
    struct session_slot *slots; /* owned ring of tmax_ns and more */
    size_t packet_bytes;        /* of each, both ways */
    uint32_t mask;
    uint32_t next;   /* sequence to be sent */
    uint32_t oldest; /* first that is not settled */
    struct order order;
    struct ways ways;
    bool stateful; /* the reflector numbers by itself: ways can tell */
    struct session_jitter jitter;
    struct session_run run, run_max;
    uint64_t gap_from_ns;
    bool gap_asked; /* something was sent since */
    uint64_t gap_max_ns;
    uint64_t gap_max_from_ns; /* where that began */
    bool marks_known;
    uint8_t dscp, ecn; /* of our last packet as it arrived there */
    struct session_counts counts;
};

/* ERR_USAGE when tmax_ns / interval_ns is above a million. */
int session_open(struct session *s, const struct session_terms *terms, struct err *e)
    __attribute__((warn_unused_result));
void session_release(struct session *s); /* idempotent */

/*
 * Makes the next packet, s->packet_bytes long. -1 when a full ring of packets is still open, which
 * a sender that settles and keeps the interval does not see.
 */
int session_send(struct session *s, struct session_time t1, uint16_t error_estimate,
                 uint8_t *packet);
/* T1k of a packet; at any time after, and more than once. */
void session_stamped(struct session *s, uint32_t sequence, const struct session_stamp *t1);
/* Takes a packet of any size and content. */
enum session_kind session_receive(struct session *s, const uint8_t *packet, size_t size,
                                  const struct session_arrival *t4);
/* Call after all that has arrived by then was received. */
void session_settle(struct session *s, uint64_t now_ns);
/* Packets sent that have not settled. */
uint32_t session_unsettled(const struct session *s);
/* Answered, whether or not the times could be. */
uint64_t session_answered(const struct session *s);

/* What the kernel said of a packet that is still remembered; false when it said nothing. */
bool session_sent_at(const struct session *s, uint32_t sequence, uint64_t *real_ns);
bool session_taken_at(const struct session *s, uint32_t sequence, uint64_t *real_ns);

/* Time in which the sender did not ask: its own pause, slots missed. It is no gap. */
void session_skip(struct session *s, uint64_t pause_ns);
/* The longest gap since the last call; one that has not ended counts as long as it is. */
uint64_t session_take_gap(struct session *s, uint64_t now_ns);
/* Where the one that was taken last began, less our own pauses in it. CLOCK_MONOTONIC. */
uint64_t session_gap_began(const struct session *s);

#endif
