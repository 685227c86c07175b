/*
 * netlink: enough of rtnetlink and nfnetlink to ask a kernel for one thing.
 * SOURCE: netlink(7), rtnetlink(7); linux/netlink.h, linux/if_link.h, linux/netfilter/nfnetlink.h.
 */
#ifndef PROBES_HOST_NETLINK_H
#define PROBES_HOST_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    NETLINK_BYTES = 512,
    NETLINK_NESTS = 4
};

struct netlink {
    uint32_t words[NETLINK_BYTES / 4]; /* aligned as the kernel wants it */
    size_t size;
    size_t nests[NETLINK_NESTS]; /* where the open attributes begin */
    unsigned depth;
};

/* Begins a request with its fixed header; NLM_F_REQUEST is added. */
void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *header,
                   size_t size);
/* Plain bytes, padded: the header inside a nested attribute. */
void netlink_raw(struct netlink *n, const void *bytes, size_t size);
void netlink_add(struct netlink *n, uint16_t type, const void *bytes, size_t size);
void netlink_open(struct netlink *n, uint16_t type); /* an attribute around the next ones */
void netlink_close(struct netlink *n);

/* The request that makes a veth pair of these names. */
void netlink_veth(struct netlink *n, const char *name, const char *peer);
/* The request that lists the tables of nftables. */
void netlink_tables(struct netlink *n);

/*
 * Sends it on a socket of its own of that protocol and waits, at most a second, for the answer's
 * end: an acknowledgement, or the last part of a dump.
 */
int netlink_ask(const struct netlink *n, int protocol, struct err *e);
/* What a received datagram says: 0 done, 1 more to come, -1 with *sys. Bounds are checked. */
int netlink_verdict(const void *bytes, size_t size, int *sys);

#endif
