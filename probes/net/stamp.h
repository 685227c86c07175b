/*
 * stamp: test packets of STAMP, both modes and roles, as bytes. No sockets, no clock, no memory.
 *
 * All integers big-endian. Unauthenticated, 44 octets. A sender's: sequence 0-3, timestamp 4-11,
 * error estimate 12-13, SSID 14-15, zero 16-43. A reflector's: sequence 0-3, transmit timestamp
 * 4-11, error estimate 12-13, SSID 14-15, receive timestamp 16-23, then what the sender wrote:
 * sequence 24-27, timestamp 28-35, error estimate 36-37, zero 38-39, TTL 40, zero 41-43.
 * Authenticated, 112 octets. A sender's: sequence 0-3, timestamp 16-23, error estimate 24-25, SSID
 * 26-27. A reflector's: the same, and receive timestamp 32-39, the sender's sequence 48-51,
 * timestamp 64-71, error estimate 72-73, TTL 80. The HMAC of octets 0-95 is 96-111; the rest zero.
 * What follows either base packet is tlv.h's.
 * SOURCE: RFC 8762 4.2 and 4.3 (packets), 4.4 (HMAC), RFC 8972 3 (SSID), RFC 5357 4.2.1 (41 octets
 * suffice for a TWAMP reflector), RFC 4656 4.1.2 (timestamps, error estimate), RFC 8186 2.3 (Z
 * bit).
 */
#ifndef PROBES_NET_STAMP_H
#define PROBES_NET_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/net/auth.h"

enum {
    STAMP_PORT = 862,                /* RFC 8762 4.1 */
    STAMP_BYTES = 44,                /* the base packet, both ways, unauthenticated */
    STAMP_AUTHENTICATED_BYTES = 112, /* the same, authenticated */
    STAMP_SEALED_BYTES = 96,         /* of those, what the HMAC covers; it follows */
    STAMP_LIGHT_BYTES = 14,     /* the shortest a TWAMP Light sender sends: no SSID, no padding */
    STAMP_REFLECTED_BYTES = 41, /* the shortest answer that says all: without the last zeros */
};

struct stamp_request {
    uint32_t sequence;
    uint64_t sent; /* T1, a timestamp as in the packet */
    uint16_t
        sent_error; /* error estimate of T1; its Z bit says the format, and that of the answer */
    uint16_t ssid;  /* 0: none, as before RFC 8972 */
};

struct stamp_reply {
    uint32_t sequence;        /* the reflector's own; stateless: the request's */
    uint64_t reflected;       /* T3 */
    uint16_t reflected_error; /* of T2 and T3; its Z bit says their format */
    uint16_t ssid;
    uint64_t received; /* T2 */
    struct stamp_request request;
    uint8_t request_ttl; /* as it arrived; 0: not known */
};

/* What is wrong with a packet. */
enum stamp_fault {
    STAMP_FINE,
    STAMP_SHORT,
    STAMP_FORGED, /* the HMAC is not of our key */
};

/* STAMP_BYTES or STAMP_AUTHENTICATED_BYTES. */
size_t stamp_base_bytes(bool authenticated);

/* Writes the base packet; with a key the authenticated one and its HMAC. */
void stamp_put_request(const struct stamp_request *r, const struct auth_key *key, uint8_t *packet);
/*
 * Reads a request of any length; the HMAC is not looked at. What a short one lacks is zero.
 * STAMP_SHORT below STAMP_LIGHT_BYTES, authenticated below STAMP_AUTHENTICATED_BYTES.
 */
enum stamp_fault stamp_get_request(const uint8_t *packet, size_t size, bool authenticated,
                                   struct stamp_request *r);
/* Whether the HMAC of an authenticated base packet, STAMP_AUTHENTICATED_BYTES, is of this key. */
bool stamp_is_genuine(const uint8_t *packet, const struct auth_key *key);

/*
 * Writes the first `size` octets of a reflected packet, at most the base packet, and leaves what is
 * beyond as it is. The HMAC is left to stamp_put_reflected. request.ssid is not written.
 */
void stamp_put_reply(const struct stamp_reply *r, bool authenticated, uint8_t *packet, size_t size);
/*
 * T3, ns since 1970, in the format that the packet's own error estimate says, and then the HMAC: as
 * late as can be. The packet holds what stamp_get_request asks for.
 */
void stamp_put_reflected(uint8_t *packet, const struct auth_key *key, uint64_t t3_ns);
/*
 * STAMP_SHORT below STAMP_REFLECTED_BYTES, with a key below STAMP_AUTHENTICATED_BYTES; then
 * STAMP_FORGED. *r is set when STAMP_FINE only. request.ssid is ssid: the packet carries it once.
 */
enum stamp_fault stamp_get_reply(const uint8_t *packet, size_t size, const struct auth_key *key,
                                 struct stamp_reply *r);
/*
 * Whether what came as a request is an answer: it has a time of reception, and its own sequence is
 * the sender's (a stateless reflector) or its two times are less than a minute apart (any).
 */
bool stamp_is_reply(const uint8_t *packet, size_t size, bool authenticated);

/* NTP format: seconds since 1900 modulo 2^32, and a fraction of 2^-32 s. ns since 1970. */
uint64_t stamp_ntp_of_ns(uint64_t unix_ns);
/*
 * PTPv2's truncated format: seconds modulo 2^32, and nanoseconds. What we write is the wall clock's
 * UTC since 1970, not TAI, which is ahead of it by the leap seconds (37 s since 2017): a host knows
 * TAI only where a daemon tells it.
 */
uint64_t stamp_ptp_of_ns(uint64_t unix_ns);
/* In the format that the error estimate's Z bit names. */
uint64_t stamp_of_ns(uint64_t unix_ns, uint16_t error_estimate);
/*
 * ns since 1970 of a timestamp in the format that the error estimate's Z bit names, taken in the
 * turn of 2^32 s that lies nearest to near_ns. A PTP timestamp is taken as it is, though its scale
 * (TAI) may be ahead of UTC by whole seconds.
 */
uint64_t stamp_unix_ns(uint64_t timestamp, uint16_t error_estimate, uint64_t near_ns);
bool stamp_is_ptp(uint16_t error_estimate);
/* The same estimate for timestamps of the other or the same format: sets or clears Z. */
uint16_t stamp_estimate_in(uint16_t error_estimate, bool ptp);

/* The smallest estimate that is not below error_ns; S says synchronised to an outside source. */
uint16_t stamp_error_estimate(bool synchronised, uint64_t error_ns);
/* What an estimate says; UINT64_MAX when beyond 64 bits. */
uint64_t stamp_error_ns(uint16_t error_estimate);

#endif
