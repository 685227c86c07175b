#include "probes/net/door.h"

#include <errno.h>
#include <stddef.h>

static const char *const door_names[DOOR_KINDS] = {
    [DOOR_UNASKED] = "not asked", [DOOR_OPEN] = "open",     [DOOR_REFUSED] = "refused",
    [DOOR_FILTERED] = "filtered", [DOOR_SILENT] = "silent", [DOOR_UNREACHABLE] = "unreachable",
};

static const struct {
    int code;
    enum door tcp, udp;
} door_codes[] = {
    {0,             DOOR_OPEN,     DOOR_OPEN    },
    { ECONNREFUSED, DOOR_REFUSED,  DOOR_REFUSED },
    { ECONNRESET,   DOOR_REFUSED,  DOOR_REFUSED },
    { ETIMEDOUT,    DOOR_FILTERED, DOOR_SILENT  },
    { EPERM,        DOOR_FILTERED, DOOR_FILTERED}, /* our own host's filter */
    { EACCES,       DOOR_FILTERED, DOOR_FILTERED}, /* a route that prohibits */
    { ENOPROTOOPT,  DOOR_FILTERED, DOOR_FILTERED}, /* ICMP protocol unreachable */
};

enum door door_of(bool udp, int code, const struct icmp_report *icmp)
{
    if (icmp && icmp->heard) {
        /* A TCP without a listener answers with a reset: ICMP is a firewall's. */
        if (icmp_is_port_unreachable(icmp))
            return udp ? DOOR_REFUSED : DOOR_FILTERED;
        return icmp_is_prohibited(icmp) ? DOOR_FILTERED : DOOR_UNREACHABLE;
    }
    for (size_t i = 0; i < sizeof door_codes / sizeof door_codes[0]; i++) {
        if (door_codes[i].code == code)
            return udp ? door_codes[i].udp : door_codes[i].tcp;
    }
    return DOOR_UNREACHABLE;
}

const char *door_name(enum door d)
{
    return door_names[d];
}
