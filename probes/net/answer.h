/*
 * answer: the reflector's decision on one packet, and its answer, as bytes: no socket, no memory of
 * earlier packets.
 *
 * The answer is made in the packet's own place and is exactly as long as the packet was, so that a
 * reflector amplifies nothing. A TWAMP Light packet shorter than a STAMP one is taken as filled
 * with zeros (RFC 8762 4.6) and answered with as many octets of the answer as it had. Its
 * timestamps have the format that the request's Z bit says.
 * Two reflectors that answer each other's answers would do so for ever, and one forged packet
 * would start them: what looks like an answer, and what comes from a server's port, is not
 * answered. With a key nothing is answered that was not made with it.
 *
 * For each packet: answer_check; when ANSWER_GIVEN answer_make; as late as can be answer_seal.
 */
#ifndef PROBES_NET_ANSWER_H
#define PROBES_NET_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/net/auth.h"

enum answer_kind {
    ANSWER_GIVEN,
    ANSWER_SHORT,           /* below STAMP_LIGHT_BYTES */
    ANSWER_LONG,            /* did not fit: the rest is lost, and an answer would be shorter */
    ANSWER_PORT,            /* from our own port or one below 1024 */
    ANSWER_REFLECTED,       /* an answer itself */
    ANSWER_MANY,            /* was sent to a broadcast or multicast address */
    ANSWER_UNAUTHENTICATED, /* without an HMAC, and we have a key */
    ANSWER_FORGED,          /* an HMAC that is not of our key */
    ANSWER_KEYLESS,         /* authenticated, and we have no key */
    ANSWER_KINDS
};

struct answer_policy {          /* the same for all packets; only read */
    const struct auth_key *key; /* NULL: unauthenticated mode */
    bool stateful;              /* answers carry answer_packet.sequence */
    uint16_t error_estimate;    /* of our clock; sync.h */
    uint64_t dscp_allowed;      /* bit n: DSCP n may be asked for in an answer; UINT64_MAX: any */
};

struct answer_packet { /* what arrived */
    size_t size;
    bool cut; /* longer than the room for it */
    bool to_many;
    uint16_t from_port, our_port;
    uint8_t ttl; /* 0: not known */
    bool tos_known;
    uint8_t tos;          /* DSCP in bits 7 to 2, ECN in 1 and 0 */
    uint64_t received_ns; /* T2, since 1970 */
    uint32_t sequence;    /* ours for this sender, when stateful */
};

enum answer_kind answer_check(const uint8_t *bytes, const struct answer_packet *p,
                              const struct answer_policy *policy);
/*
 * Turns a packet that answer_check let pass into its answer of p->size octets; T3 is zero still.
 * Returns the TOS to send it with: the DSCP that a Class of Service item asks for, else the one
 * that came, 0 when that is not known.
 */
uint8_t answer_make(uint8_t *bytes, const struct answer_packet *p,
                    const struct answer_policy *policy);
/* Writes T3, ns since 1970, and what authenticates it. */
void answer_seal(uint8_t *bytes, uint64_t t3_ns, const struct answer_policy *policy);

#endif
