/*
 * addresses: the IP addresses of this machine, by which the documents of a cluster know each other.
 */
#ifndef PROBES_HOST_ADDRESSES_H
#define PROBES_HOST_ADDRESSES_H

#include <ifaddrs.h>

#include "probes/kit/buf.h"
#include "probes/kit/facts.h"

enum {
    ADDRESSES_MAX = 256 /* of one host; a node of a large cluster has dozens */
};

/*
 * "192.0.2.7 2001:db8::1", each once, in the order of getifaddrs(3), ADDRESSES_MAX at most. Left
 * out is what every host has: loopback and link-local addresses.
 */
void addresses_words(const struct ifaddrs *all, struct buf *words);
/* States host.addresses. */
void addresses_state(struct facts *f);

#endif
