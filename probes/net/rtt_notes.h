/*
 * rtt_notes: the sentences of net.rtt on one peer, and whether its figures can be trusted.
 */
#ifndef PROBES_NET_RTT_NOTES_H
#define PROBES_NET_RTT_NOTES_H

#include "probes/net/rtt_peer.h"

/* member is the peer's in the fleet. */
void rtt_notes_write(const struct rtt_peer *p, const struct fleet *f,
                     const struct fleet_member *member, struct result *r);

#endif
