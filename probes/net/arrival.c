#include "probes/net/arrival.h"

#include <string.h>
#include <time.h>

#include "probes/kit/clk.h"

void arrival_enable(int fd, int family)
{
    static const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    /* An IPv6 socket that takes IPv4 as well needs both. */
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    }
}

static void read_ttl(const struct cmsghdr *c, struct arrival *a)
{
    int ttl;
    memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
    a->ttl = ttl > 0 && ttl <= UINT8_MAX ? (uint8_t)ttl : 0;
}

static void read_to4(const struct cmsghdr *c, struct arrival *a)
{
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    a->family = AF_INET;
    a->to4 = info.ipi_spec_dst;
    a->to_many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
}

static void read_to6(const struct cmsghdr *c, struct arrival *a)
{
    memcpy(&a->to6, CMSG_DATA(c), sizeof a->to6);
    a->family = AF_INET6;
    if (IN6_IS_ADDR_V4MAPPED(&a->to6.ipi6_addr)) {
        uint32_t v4;
        memcpy(&v4, &a->to6.ipi6_addr.s6_addr[12], sizeof v4);
        a->to_many = IN_MULTICAST(ntohl(v4)) || v4 == htonl(INADDR_BROADCAST);
    } else {
        a->to_many = IN6_IS_ADDR_MULTICAST(&a->to6.ipi6_addr);
    }
    /* Only a link-local address needs its link; with another the route decides. */
    if (!IN6_IS_ADDR_LINKLOCAL(&a->to6.ipi6_addr))
        a->to6.ipi6_ifindex = 0;
}

static void read_time(const struct cmsghdr *c, struct arrival *a)
{
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    a->real_ns = clk_of_timespec(t);
}

static const struct arrival_row {
    int level, type;
    size_t size;
    void (*read)(const struct cmsghdr *c, struct arrival *a);
} arrival_rows[] = {
    {SOL_SOCKET,    SCM_TIMESTAMPNS, sizeof(struct timespec),    read_time},
    { IPPROTO_IP,   IP_TTL,          sizeof(int),                read_ttl },
    { IPPROTO_IP,   IP_PKTINFO,      sizeof(struct in_pktinfo),  read_to4 },
    { IPPROTO_IPV6, IPV6_HOPLIMIT,   sizeof(int),                read_ttl },
    { IPPROTO_IPV6, IPV6_PKTINFO,    sizeof(struct in6_pktinfo), read_to6 },
};

void arrival_read(const struct msghdr *m, struct arrival *a)
{
    struct msghdr walk = *m;
    *a = (struct arrival){ .family = AF_UNSPEC };
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&walk); c; c = CMSG_NXTHDR(&walk, c)) {
        for (size_t i = 0; i < sizeof arrival_rows / sizeof arrival_rows[0]; i++) {
            const struct arrival_row *row = &arrival_rows[i];
            if (c->cmsg_level == row->level && c->cmsg_type == row->type &&
                c->cmsg_len >= CMSG_LEN(row->size))
                row->read(c, a);
        }
    }
}

void arrival_answer_from(const struct arrival *a, void *control, struct msghdr *m)
{
    bool v6 = a->family == AF_INET6;
    struct in_pktinfo from4 = { .ipi_spec_dst = a->to4 };
    const void *from = v6 ? (const void *)&a->to6 : &from4;
    size_t size = v6 ? sizeof a->to6 : sizeof from4;
    m->msg_control = NULL;
    m->msg_controllen = 0;
    if (a->family == AF_UNSPEC)
        return;
    memset(control, 0, CMSG_SPACE(size));
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), from, size);
}
