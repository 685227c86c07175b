/*
 * door: what is known of one port of a peer after it was asked. Pure: no sockets.
 *
 * Refused means that the way is free and nothing listens, as before an installation. A firewall
 * that answers with a TCP reset, or to UDP with "port unreachable", looks the same.
 */
#ifndef PROBES_NET_DOOR_H
#define PROBES_NET_DOOR_H

#include <stdbool.h>

#include "probes/net/icmp.h"

enum door {
    DOOR_UNASKED,
    DOOR_OPEN,        /* TCP connected; UDP answered */
    DOOR_REFUSED,     /* TCP reset; UDP: port unreachable */
    DOOR_FILTERED,    /* TCP: silence, or ICMP instead of a reset; UDP: ICMP that forbids it */
    DOOR_SILENT,      /* UDP: nothing came: open, or filtered */
    DOOR_UNREACHABLE, /* no way to the host at all */
    DOOR_KINDS
};

/* By the errno of a connect, send or receive (ETIMEDOUT: silence), and the ICMP message behind it
 * or NULL. */
enum door door_of(bool udp, int code, const struct icmp_report *icmp);
const char *door_name(enum door d); /* "open", "refused", ... */

#endif
