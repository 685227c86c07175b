/*
 * dissect: captured bytes to a TCP segment. Pure: no allocation, no state; thread-safe.
 *
 * Link layers: Ethernet, Linux cooked (SLL, SLL2), raw IP, BSD loopback (NULL, LOOP); VLAN tags
 * (802.1Q, 802.1ad and the older QinQ); IPv4; IPv6 with extension headers. Tunnels are not looked
 * into. Checksums are not verified: the sender's own NIC fills them in after the capture.
 * SOURCE: IEEE 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 7323; tcpdump.org/linktypes.html.
 */
#ifndef PROBES_NET_DISSECT_H
#define PROBES_NET_DISSECT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DISSECT_TAGS = 4,       /* VLAN tags on top of each other; more are no network of ours */
    DISSECT_EXTENSIONS = 8, /* IPv6 extension headers of one packet */
    DISSECT_NAME_BYTES = 64 /* "[address]:port" */
};

enum dissect_kind {
    DISSECT_TCP,
    DISSECT_OTHER,     /* no TCP over IP */
    DISSECT_FRAGMENT,  /* a piece of an IP packet */
    DISSECT_CUT,       /* captured too short for its headers */
    DISSECT_MALFORMED, /* its lengths contradict each other */
    DISSECT_KINDS
};

enum dissect_flag { /* RFC 9293 3.1 */
    DISSECT_FIN = 1,
    DISSECT_SYN = 2,
    DISSECT_RST = 4,
    DISSECT_ACK = 16
};

/* An IPv4 address stands in the first four octets; the rest is zero. */
struct dissect_end {
    uint8_t address[16];
    uint16_t port;
};

struct dissect_segment {
    struct dissect_end from, to;
    uint8_t version; /* of IP: 4 or 6 */
    uint8_t flags;
    uint16_t window;        /* unscaled */
    uint16_t id;            /* IPv4 identification; 0 for IPv6 */
    bool stamped;           /* has the timestamp option, RFC 7323 */
    uint32_t tsval, tsecr;  /* of it */
    uint32_t seq, ack;      /* ack: only with DISSECT_ACK */
    uint32_t payload_bytes; /* by the IP header, not by what was captured */
};

/* Whether packets of that link layer (a DLT_ number of libpcap) are understood. */
bool dissect_knows(int link);
/* size octets were captured of wire that there were. Fills *s when it is DISSECT_TCP. */
enum dissect_kind dissect_packet(int link, const uint8_t *bytes, uint32_t size, uint32_t wire,
                                 struct dissect_segment *s);
/* "192.0.2.7:2379", "[2001:db8::7]:2379". */
const char *dissect_name(const struct dissect_end *end, uint8_t version,
                         char name[DISSECT_NAME_BYTES]);

#endif
