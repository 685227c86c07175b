#include "probes/net/icmp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ICMP_CONTROL_BYTES = 512,
    /* RFC 4443 3.1, later codes; not in every libc's header. */
    ICMP_V6_POLICY = 5,
    ICMP_V6_REJECT = 6,
};

void icmp_enable(int fd, int family)
{
    static const int on = 1;
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

static const struct sock_extended_err *extended_error(struct cmsghdr *c)
{
    bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
    return is_error ? (const struct sock_extended_err *)(const void *)CMSG_DATA(c) : NULL;
}

/* The offender's address follows its error: SO_EE_OFFENDER, which takes no const. */
static void fill(struct cmsghdr *c, const struct sock_extended_err *x, struct icmp_report *r)
{
    r->code_errno = (int)x->ee_errno;
    r->v6 = x->ee_origin == SO_EE_ORIGIN_ICMP6;
    r->heard = x->ee_origin == SO_EE_ORIGIN_ICMP || r->v6;
    r->type = x->ee_type;
    r->code = x->ee_code;
    r->mtu = x->ee_errno == EMSGSIZE ? x->ee_info : 0;
    size_t room = c->cmsg_len - CMSG_LEN(sizeof *x);
    if (r->heard && c->cmsg_len > CMSG_LEN(sizeof *x))
        memcpy(&r->from, x + 1, room < sizeof r->from ? room : sizeof r->from);
}

bool icmp_take(int fd, struct icmp_report *r)
{
    _Alignas(struct cmsghdr) char control[ICMP_CONTROL_BYTES];
    *r = (struct icmp_report){ 0 };
    struct iovec iov = { r->quoted, sizeof r->quoted };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (n < 0)
        return false;
    r->quoted_size = (size_t)n < sizeof r->quoted ? (size_t)n : sizeof r->quoted;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        const struct sock_extended_err *x = extended_error(c);
        if (x)
            fill(c, x, r);
    }
    return true;
}

bool icmp_is_port_unreachable(const struct icmp_report *r)
{
    if (r->v6)
        return r->type == ICMP6_DST_UNREACH && r->code == ICMP6_DST_UNREACH_NOPORT;
    return r->type == ICMP_DEST_UNREACH && r->code == ICMP_PORT_UNREACH;
}

bool icmp_is_prohibited(const struct icmp_report *r)
{
    if (r->v6)
        return r->type == ICMP6_DST_UNREACH &&
               (r->code == ICMP6_DST_UNREACH_ADMIN || r->code == ICMP_V6_POLICY ||
                r->code == ICMP_V6_REJECT);
    return r->type == ICMP_DEST_UNREACH &&
           (r->code == ICMP_NET_ANO || r->code == ICMP_HOST_ANO || r->code == ICMP_PKT_FILTERED ||
            r->code == ICMP_PROT_UNREACH);
}
