/*
 * peer: another node as people write it, "HOST", "HOST:PORT", "192.0.2.7:862", "[2001:db8::1]:862",
 * "2001:db8::1", "fe80::1%eth0", and the addresses it has. Port 862 when none is given
 * (RFC 8762 4.1).
 */
#ifndef PROBES_NET_PEER_H
#define PROBES_NET_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probes/kit/err.h"

enum {
    PEER_HOST_BYTES = 256, /* a DNS name has 253 at most, and an interface may follow */
    PEER_ADDRESSES = 4,    /* more are not tried */
    PEER_NAME_BYTES = 96,  /* "[address%interface]:port" */
};

struct peer {
    char host[PEER_HOST_BYTES]; /* "" only for peer_parse_local: every address */
    uint16_t port;
};

union peer_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct peer_addresses {
    union peer_sockaddr items[PEER_ADDRESSES];
    unsigned count;
};

/* ERR_USAGE naming the text and an example. Port 0 and an empty host are refused. */
int peer_parse(const char *text, struct peer *p, struct err *e);
/* An address to listen at: "", ":8620" and "0.0.0.0" are good as well, and port 0 is any. */
int peer_parse_local(const char *text, struct peer *p, struct err *e);

/*
 * UDP addresses in the resolver's order of preference; may wait for a name server. local: an
 * address to listen at. ERR_PEER saying which name and why.
 */
int peer_resolve(const struct peer *p, bool local, struct peer_addresses *out, struct err *e);

/* sizeof the one in use, for the system's calls. */
socklen_t peer_sockaddr_size(const union peer_sockaddr *a);
uint16_t peer_sockaddr_port(const union peer_sockaddr *a);
/* The same address and port. */
bool peer_same(const union peer_sockaddr *a, const union peer_sockaddr *b);
/* "192.0.2.7:862", "[2001:db8::1]:862". */
const char *peer_name(const union peer_sockaddr *a, char name[PEER_NAME_BYTES]);

#endif
