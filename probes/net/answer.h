/*
 * answer: the reflector's decision on one packet, and its answer, as bytes: no socket, no memory of
 * earlier packets.
 *
 * The answer is made in the packet's own place and is exactly as long as the packet was, so that a
 * reflector amplifies nothing. A TWAMP Light packet shorter than a STAMP one is taken as filled
 * with zeros (RFC 8762 4.6) and answered with as many octets of the answer as it had.
 * Two reflectors that answer each other's answers would do so for ever, and one forged packet
 * would start them: what looks like an answer, and what comes from a server's port, is not
 * answered.
 */
#ifndef PROBES_NET_ANSWER_H
#define PROBES_NET_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum answer_kind {
    ANSWER_GIVEN,
    ANSWER_SHORT,     /* below STAMP_LIGHT_BYTES */
    ANSWER_LONG,      /* did not fit: the rest is lost, and an answer would be shorter */
    ANSWER_PORT,      /* from our own port or one below 1024 */
    ANSWER_REFLECTED, /* an answer itself */
    ANSWER_MANY,      /* was sent to a broadcast or multicast address */
    ANSWER_KINDS
};

struct answer_packet { /* what arrived */
    size_t size;
    bool cut; /* longer than the room for it */
    bool to_many;
    uint16_t from_port, our_port;
    uint8_t ttl;       /* 0: not known */
    uint64_t received; /* T2, NTP */
};

enum answer_kind answer_check(const uint8_t *bytes, const struct answer_packet *p);
/* Turns a packet that answer_check let pass into its answer of p->size octets; T3 is zero still. */
void answer_make(uint8_t *bytes, const struct answer_packet *p, uint16_t error_estimate);

#endif
