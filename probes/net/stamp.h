/*
 * stamp: test packets of STAMP, unauthenticated mode, as bytes. No sockets, no clock, no memory.
 *
 * All integers big-endian. A sender's packet, 44 octets: sequence 0-3, timestamp 4-11, error
 * estimate 12-13, SSID 14-15, zero 16-43. A reflector's, 44 octets: sequence 0-3, transmit
 * timestamp 4-11, error estimate 12-13, SSID 14-15, receive timestamp 16-23, then what the sender
 * wrote: sequence 24-27, timestamp 28-35, error estimate 36-37, zero 38-39, TTL 40, zero 41-43.
 * SOURCE: RFC 8762 4.2.1 and 4.3.1 (packets), RFC 8972 3 (SSID), RFC 5357 4.2.1 (41 octets suffice
 * for a TWAMP reflector), RFC 4656 4.1.2 (timestamps, error estimate), RFC 8186 2.3 (Z bit).
 */
#ifndef PROBES_NET_STAMP_H
#define PROBES_NET_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STAMP_PORT = 862,           /* RFC 8762 4.1 */
    STAMP_BYTES = 44,           /* the base packet, both ways */
    STAMP_LIGHT_BYTES = 14,     /* the shortest a TWAMP Light sender sends: no SSID, no padding */
    STAMP_REFLECTED_BYTES = 41, /* the shortest answer that says all: without the last zeros */
};

struct stamp_request {
    uint32_t sequence;
    uint64_t sent;       /* T1, a timestamp as in the packet */
    uint16_t sent_error; /* error estimate of T1 */
    uint16_t ssid;       /* 0: none, as before RFC 8972 */
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

/* Writes STAMP_BYTES. */
void stamp_put_request(const struct stamp_request *r, uint8_t *packet);
/* Reads a request of any length; what a short one lacks is zero. -1 below STAMP_LIGHT_BYTES. */
int stamp_get_request(const uint8_t *packet, size_t size, struct stamp_request *r);

/*
 * Writes the first `size` octets of a reflected packet, at most STAMP_BYTES, and leaves what is
 * beyond as it is: RFC 8762 4.3 copies it, and a TLV's U flag stays set, which says that it was not
 * understood (RFC 8972 4). request.ssid is not written.
 */
void stamp_put_reply(const struct stamp_reply *r, uint8_t *packet, size_t size);
/* T3 alone, as late as can be; size >= STAMP_LIGHT_BYTES. */
void stamp_put_reflected(uint8_t *packet, uint64_t reflected);
/* -1 below STAMP_REFLECTED_BYTES. request.ssid is set to ssid: the packet carries it once. */
int stamp_get_reply(const uint8_t *packet, size_t size, struct stamp_reply *r);

/* NTP format: seconds since 1900 modulo 2^32, and a fraction of 2^-32 s. ns since 1970. */
uint64_t stamp_ntp_of_ns(uint64_t unix_ns);
/*
 * ns since 1970 of a timestamp in the format that the error estimate's Z bit names, taken in the
 * turn of 2^32 s that lies nearest to near_ns. A PTP timestamp is taken as it is, though its scale
 * (TAI) may be ahead of UTC by whole seconds.
 */
uint64_t stamp_unix_ns(uint64_t timestamp, uint16_t error_estimate, uint64_t near_ns);
bool stamp_is_ptp(uint16_t error_estimate);

/* The smallest estimate that is not below error_ns; S says synchronised to an outside source. */
uint16_t stamp_error_estimate(bool synchronised, uint64_t error_ns);
/* What an estimate says; UINT64_MAX when beyond 64 bits. */
uint64_t stamp_error_ns(uint16_t error_estimate);

#endif
