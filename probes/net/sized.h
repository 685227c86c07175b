/*
 * sized: a STAMP request of a chosen size, which the reflector answers with as many octets.
 *
 * What is beyond the base packet is one Extra Padding TLV, filled with pseudorandom octets, so that
 * no link on the way makes it smaller. SOURCE: RFC 8762 4.3 (symmetrical size), RFC 8972 4 and 4.1
 * (flags, type 1), 4.8 (padding alone needs no HMAC item, with a key either).
 */
#ifndef PROBES_NET_SIZED_H
#define PROBES_NET_SIZED_H

#include <stddef.h>
#include <stdint.h>

#include "probes/net/stamp.h"

enum {
    SIZED_BYTES_MIN = STAMP_BYTES,               /* without a key; sized_bytes_min */
    SIZED_KEYED_MIN = STAMP_AUTHENTICATED_BYTES, /* with one */
    SIZED_BYTES_MAX = 9216,                      /* what a reflector takes: a jumbo frame */
};

struct sized_request {
    size_t size; /* sized_bytes_min, or TLV_HEADER_BYTES more, to SIZED_BYTES_MAX */
    uint32_t sequence;
    uint16_t ssid;
    uint16_t error_estimate;    /* of our clock; sync.h */
    uint64_t sent_ns;           /* T1, CLOCK_REALTIME */
    const struct auth_key *key; /* NULL: unauthenticated */
};

struct sized_answer {
    uint32_t sequence;     /* of the request */
    uint64_t sent_ns;      /* T1, as it was given, to the packet's resolution of 0.2 ns */
    uint64_t residence_ns; /* at the reflector, T3 - T2; 0 where its times cannot be */
};

/* The base packet of that mode. */
size_t sized_bytes_min(const struct auth_key *key);
/* Writes r->size octets. */
void sized_put(uint8_t *packet, const struct sized_request *r);
/*
 * Reads an answer's first octets, which came about now_ns (CLOCK_REALTIME); -1 when it is none to
 * that SSID, or not of that key.
 */
int sized_get(const uint8_t *packet, size_t size, const struct auth_key *key, uint16_t ssid,
              uint64_t now_ns, struct sized_answer *a);

#endif
