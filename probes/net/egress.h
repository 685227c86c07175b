/*
 * egress: the interface by which packets to a peer leave this host, and its MTU.
 * SOURCE: netdevice(7) SIOCGIFMTU, getifaddrs(3).
 */
#ifndef PROBES_NET_EGRESS_H
#define PROBES_NET_EGRESS_H

#include <net/if.h>

#include "probes/net/peer.h"

struct egress {
    char name[IF_NAMESIZE];
    unsigned mtu;
};

/* Of a connected socket, by its own address; ERR_UNSUPPORTED when no interface has it. */
int egress_of(int fd, struct egress *out, struct err *e);

#endif
