/*
 * sighting: a UDP datagram as it was seen on a link, taken out of the frame. Pure octets; no
 * fragments, no IPv6 extension headers: our own packets have none.
 * SOURCE: IEEE 802.3 and 802.1Q (Ethernet), RFC 791, RFC 8200, RFC 768, www.tcpdump.org/linktypes
 */
#ifndef PROBES_NET_SIGHTING_H
#define PROBES_NET_SIGHTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/net/peer.h"

enum sighting_link { /* what a frame begins with */
    SIGHTING_UNKNOWN,
    SIGHTING_ETHERNET,
    SIGHTING_IP,     /* nothing before the IP header */
    SIGHTING_COOKED, /* Linux SLL */
};

struct sighting {
    union peer_sockaddr from, to;
    const uint8_t *bytes; /* of the datagram, as many as were captured */
    size_t size;
};

/* SIGHTING_UNKNOWN for what is not read here. */
enum sighting_link sighting_link_of(int linktype);
/* false when it is no whole UDP header over IP. */
bool sighting_read(enum sighting_link link, const uint8_t *frame, size_t size, struct sighting *s);

#endif
