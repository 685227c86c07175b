#include "probes/net/arrival.h"

#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#include "probes/kit/clk.h"

void arrival_enable(int fd, int family)
{
    static const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    /* An IPv6 socket that takes IPv4 as well needs both. */
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on);
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

/* Of IPv4 on such a socket this knows less: not whether it was a network's broadcast. */
static void read_to6(const struct cmsghdr *c, struct arrival *a)
{
    if (a->family == AF_INET)
        return;
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

/* IPv4 tells it as an octet, IPv6 as an int. */
static void read_tos4(const struct cmsghdr *c, struct arrival *a)
{
    memcpy(&a->tos, CMSG_DATA(c), sizeof a->tos);
    a->tos_known = true;
}

static void read_tos6(const struct cmsghdr *c, struct arrival *a)
{
    int tos;
    memcpy(&tos, CMSG_DATA(c), sizeof tos);
    a->tos_known = tos >= 0 && tos <= UINT8_MAX;
    a->tos = a->tos_known ? (uint8_t)tos : 0;
}

static void read_time(const struct cmsghdr *c, struct arrival *a)
{
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    if (t.tv_sec > 0) /* zero: not stamped */
        a->real_ns = clk_of_timespec(t);
}

static const struct arrival_row {
    int level, type;
    size_t size;
    void (*read)(const struct cmsghdr *c, struct arrival *a);
} arrival_rows[] = {
    {SOL_SOCKET,    SCM_TIMESTAMPNS,  sizeof(struct timespec),    read_time},
 /* The first of its three is the software's. */
    { SOL_SOCKET,   SCM_TIMESTAMPING, sizeof(struct timespec[3]), read_time},
    { IPPROTO_IP,   IP_TTL,           sizeof(int),                read_ttl },
    { IPPROTO_IP,   IP_TOS,           sizeof(uint8_t),            read_tos4},
    { IPPROTO_IP,   IP_PKTINFO,       sizeof(struct in_pktinfo),  read_to4 },
    { IPPROTO_IPV6, IPV6_HOPLIMIT,    sizeof(int),                read_ttl },
    { IPPROTO_IPV6, IPV6_TCLASS,      sizeof(int),                read_tos6},
    { IPPROTO_IPV6, IPV6_PKTINFO,     sizeof(struct in6_pktinfo), read_to6 },
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

struct arrival_part {
    int level, type;
    size_t size;
    const void *data;
};

/* Puts one more part behind those that m has; there is room. */
static void add(struct msghdr *m, void *control, const struct arrival_part *p)
{
    size_t used = m->msg_control ? m->msg_controllen : 0;
    struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)control + used);
    memset(c, 0, CMSG_SPACE(p->size));
    c->cmsg_level = p->level;
    c->cmsg_type = p->type;
    c->cmsg_len = CMSG_LEN(p->size);
    memcpy(CMSG_DATA(c), p->data, p->size);
    m->msg_control = control;
    m->msg_controllen = used + CMSG_SPACE(p->size);
}

void arrival_answer_from(const struct arrival *a, void *control, struct msghdr *m)
{
    bool v6 = a->family == AF_INET6;
    struct in_pktinfo from4 = { .ipi_spec_dst = a->to4 };
    m->msg_control = NULL;
    m->msg_controllen = 0;
    if (a->family == AF_UNSPEC)
        return;
    struct arrival_part part = { v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_PKTINFO : IP_PKTINFO,
                                 v6 ? sizeof a->to6 : sizeof from4,
                                 v6 ? (const void *)&a->to6 : &from4 };
    add(m, control, &part);
}

void arrival_answer_tos(bool v6, uint8_t tos, void *control, struct msghdr *m)
{
    int value = tos;
    struct arrival_part part = { v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
                                 sizeof value, &value };
    add(m, control, &part);
}

void arrival_answer_stamped(void *control, struct msghdr *m)
{
    static const uint32_t flags = SOF_TIMESTAMPING_TX_SOFTWARE;
    struct arrival_part part = { SOL_SOCKET, SO_TIMESTAMPING, sizeof flags, &flags };
    add(m, control, &part);
}
