/*
 * passive: what captured packets say of round trips, in all and by connection. No sockets and no
 * files: packets come as bytes with their time. Memory is taken at the start; one thread.
 */
#ifndef PROBES_NET_PASSIVE_H
#define PROBES_NET_PASSIVE_H

#include "probes/kit/hist.h"
#include "probes/net/flow.h"
#include "probes/net/portset.h"

enum passive_rtt {
    PASSIVE_ALL,       /* every sample, whichever end answered */
    PASSIVE_SERVER,    /* from the capture to the end that was called, and back */
    PASSIVE_CLIENT,    /* to the end that called, and back */
    PASSIVE_PATH,      /* without what a hole held back: ackrtt.h */
    PASSIVE_ANY,       /* with segments sent again, as tshark counts */
    PASSIVE_HANDSHAKE, /* between both ends */
    PASSIVE_RTTS
};

/* An ACK that came so much later than the connection's fastest may have been held back. */
#define PASSIVE_DELAYED_NS                                                                         \
    UINT64_C(38000000) /* SOURCE: Linux TCP_DELACK_MIN 40 ms, less jitter                          \
                        */

struct passive_packet {
    const uint8_t *bytes; /* borrowed */
    uint32_t size;        /* captured */
    uint32_t wire;        /* there were */
    uint64_t at_ns;       /* by the capture's clock */
};

struct passive_counts {
    uint64_t packets;
    uint64_t kinds[DISSECT_KINDS];
    uint64_t ports_other; /* TCP of ports that were not asked for */
    uint64_t connections; /* that began, or were under way */
    uint64_t sent[ACKRTT_SENTS];
    uint64_t answers[ACKRTT_ANSWERS];
    uint64_t delayed;   /* samples PASSIVE_DELAYED_NS above their connection's fastest */
    uint64_t backwards; /* packets with an earlier time than the one before */
    uint64_t first_ns, last_ns;
};

struct passive {
    struct ackrtt_pool pool;
    struct flow_table flows;
    struct portset ports;
    struct passive_counts counts;
};

int passive_open(struct passive *p, const struct portset *ports, uint64_t seed, struct err *e);
void passive_release(struct passive *p); /* idempotent */
/* One packet of link layer `link` (a DLT_ number). Samples go to hists[PASSIVE_RTTS]. */
void passive_take(struct passive *p, int link, const struct passive_packet *packet,
                  struct hist *const hists[PASSIVE_RTTS]);
/* Segments with data, SYN or FIN, copies left out: what ratios are of. */
uint64_t passive_segments(const struct passive *p);

#endif
