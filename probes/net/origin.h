/*
 * origin: where a packet came from, as one kind of number for IPv4 and IPv6, and a hash of it that
 * a stranger cannot foresee.
 * SOURCE: RFC 4291 2.5.5.2 (IPv4 inside IPv6), RFC 6177 2 and RFC 4291 2.5.4 (a /64 is one link, so
 * that whoever owns it owns all its addresses).
 */
#ifndef PROBES_NET_ORIGIN_H
#define PROBES_NET_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/net/peer.h"

/* An IPv6 address, its first octet the highest; of IPv4 the mapped one. */
struct origin {
    uint64_t high, low;
};

struct origin_seed {
    uint64_t a, b;
};

struct origin origin_of(const union peer_sockaddr *a);
struct origin origin_of_octets(const uint8_t address[16]);
bool origin_is_v4(struct origin o);
/* Who is held to account: the address of IPv4, the /64 of IPv6. */
struct origin origin_site(struct origin o);

static inline bool origin_same(struct origin a, struct origin b)
{
    return a.high == b.high && a.low == b.low;
}

/* From the kernel's random numbers; without them from the clock. */
struct origin_seed origin_seed_random(void);
/* 64 bits, even. `more` is what tells apart besides the address. */
uint64_t origin_hash(struct origin_seed s, struct origin o, uint64_t more);

#endif
