#include "probes/net/egress.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static bool same_address(const union peer_sockaddr *a, const struct sockaddr *any)
{
    union peer_sockaddr b = { 0 };
    if (!any || any->sa_family != a->any.sa_family)
        return false;
    memcpy(&b, any, any->sa_family == AF_INET6 ? sizeof b.v6 : sizeof b.v4);
    if (any->sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
    bool scoped = a->v6.sin6_scope_id && b.v6.sin6_scope_id;
    return memcmp(&a->v6.sin6_addr, &b.v6.sin6_addr, sizeof b.v6.sin6_addr) == 0 &&
           (!scoped || a->v6.sin6_scope_id == b.v6.sin6_scope_id);
}

static int mtu_of(int fd, struct egress *out, struct err *e)
{
    struct ifreq r = { 0 };
    memcpy(r.ifr_name, out->name, sizeof r.ifr_name);
    if (ioctl(fd, SIOCGIFMTU, &r) || r.ifr_mtu <= 0)
        return err_set(e, err_kind_of(errno), errno, "ask for the MTU of %s", out->name);
    out->mtu = (unsigned)r.ifr_mtu;
    return 0;
}

int egress_of(int fd, struct egress *out, struct err *e)
{
    union peer_sockaddr own = { 0 };
    socklen_t size = sizeof own;
    struct ifaddrs *all = NULL;
    *out = (struct egress){ 0 };
    if (getsockname(fd, &own.any, &size) || getifaddrs(&all))
        return err_set(e, err_kind_of(errno), errno, "find the interface to the peer");
    for (const struct ifaddrs *i = all; i && !*out->name; i = i->ifa_next) {
        if (same_address(&own, i->ifa_addr))
            (void)snprintf(out->name, sizeof out->name, "%s", i->ifa_name);
    }
    freeifaddrs(all);
    if (!*out->name)
        return err_set(e, ERR_UNSUPPORTED, 0, "no interface has the address we send from");
    return mtu_of(fd, out, e);
}
