/*
 * icmp: what routers and the peer's kernel said about packets of ours, from a socket's error queue.
 *
 * SOURCE: ip(7) IP_RECVERR, ipv6(7) IPV6_RECVERR, linux/errqueue.h; types and codes: RFC 792,
 * RFC 1191 4 (next-hop MTU), RFC 1812 5.2.7.1, RFC 4443 3.1 and 3.2.
 */
#ifndef PROBES_NET_ICMP_H
#define PROBES_NET_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/net/peer.h"

struct icmp_report {
    int code_errno; /* what the kernel made of it */
    bool heard;     /* an ICMP message came; else the kernel refused by itself */
    bool v6;
    uint8_t type, code;       /* when heard */
    uint32_t mtu;             /* of EMSGSIZE; 0: not told */
    union peer_sockaddr from; /* who said so; family AF_UNSPEC when not known */
    uint8_t quoted[16];       /* first octets of our packet's payload */
    size_t quoted_size;
};

/* Has such messages queued at the socket, TCP or UDP. */
void icmp_enable(int fd, int family);
/* Takes the next one; false when there is none. */
bool icmp_take(int fd, struct icmp_report *r);

/* A destination port without a listener, as UDP says it. */
bool icmp_is_port_unreachable(const struct icmp_report *r);
/* Someone on the way, or the peer's own filter, forbids it. */
bool icmp_is_prohibited(const struct icmp_report *r);

#endif
