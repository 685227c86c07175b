#include "probes/host/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "probes/kit/auto.h"

static char *netlink_bytes(struct netlink *n)
{
    return (char *)n->words;
}

static struct nlmsghdr *netlink_head(struct netlink *n)
{
    return (struct nlmsghdr *)n->words;
}

void netlink_raw(struct netlink *n, const void *bytes, size_t size)
{
    size_t padded = NLMSG_ALIGN(size);
    if (n->size + padded > sizeof n->words) {
        n->size = sizeof n->words + 1; /* netlink_ask refuses it */
        return;
    }
    if (size)
        memcpy(netlink_bytes(n) + n->size, bytes, size);
    n->size += padded;
    netlink_head(n)->nlmsg_len = (uint32_t)n->size;
}

void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *header,
                   size_t size)
{
    *n = (struct netlink){ .size = NLMSG_HDRLEN };
    *netlink_head(n) = (struct nlmsghdr){ .nlmsg_len = NLMSG_HDRLEN,
                                          .nlmsg_type = type,
                                          .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
                                          .nlmsg_seq = 1 };
    netlink_raw(n, header, size);
}

void netlink_add(struct netlink *n, uint16_t type, const void *bytes, size_t size)
{
    struct nlattr a = { .nla_len = (uint16_t)(sizeof a + size), .nla_type = type };
    netlink_raw(n, &a, sizeof a);
    netlink_raw(n, bytes, size);
}

void netlink_open(struct netlink *n, uint16_t type)
{
    if (n->depth == NETLINK_NESTS)
        return;
    n->nests[n->depth++] = n->size;
    netlink_add(n, type, NULL, 0);
}

void netlink_close(struct netlink *n)
{
    if (n->depth == 0 || n->size > sizeof n->words)
        return;
    size_t from = n->nests[--n->depth];
    struct nlattr *a = (struct nlattr *)(n->words + from / sizeof n->words[0]);
    a->nla_len = (uint16_t)(n->size - from);
}

void netlink_veth(struct netlink *n, const char *name, const char *peer)
{
    struct ifinfomsg link = { 0 };
    netlink_begin(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &link, sizeof link);
    netlink_add(n, IFLA_IFNAME, name, strlen(name) + 1);
    netlink_open(n, IFLA_LINKINFO);
    netlink_add(n, IFLA_INFO_KIND, "veth", sizeof "veth");
    netlink_open(n, IFLA_INFO_DATA);
    netlink_open(n, VETH_INFO_PEER);
    netlink_raw(n, &link, sizeof link);
    netlink_add(n, IFLA_IFNAME, peer, strlen(peer) + 1);
    netlink_close(n);
    netlink_close(n);
    netlink_close(n);
}

void netlink_tables(struct netlink *n)
{
    struct nfgenmsg head = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
    netlink_begin(n, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_DUMP, &head,
                  sizeof head);
}

int netlink_verdict(const void *bytes, size_t size, int *sys)
{
    const char *at = bytes;
    struct nlmsghdr head;
    while (size >= sizeof head) {
        memcpy(&head, at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > size)
            break;
        if (head.nlmsg_type == NLMSG_DONE)
            return 0;
        if (head.nlmsg_type == NLMSG_ERROR) {
            int code = 0;
            if (head.nlmsg_len >= sizeof head + sizeof code)
                memcpy(&code, at + sizeof head, sizeof code);
            *sys = -code;
            return code ? -1 : 0;
        }
        size_t step = NLMSG_ALIGN(head.nlmsg_len);
        if (step >= size)
            return 1;
        at += step;
        size -= step;
    }
    *sys = EBADMSG;
    return -1;
}

static int netlink_hear(int fd, struct err *e)
{
    char answer[8192];
    int verdict = 1;
    int sys = 0;
    while (verdict == 1) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "hear the answer over netlink");
        verdict = netlink_verdict(answer, (size_t)n, &sys);
    }
    return verdict ? err_set(e, err_kind_of(sys), sys, "asked over netlink") : 0;
}

int netlink_ask(const struct netlink *n, int protocol, struct err *e)
{
    struct timeval second = { .tv_sec = 1 };
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    if (n->size > sizeof n->words)
        return err_set(e, ERR_USAGE, 0, "a netlink request is longer than %zu bytes",
                       sizeof n->words);
    AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open a netlink socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) ||
        sendto(fd, n->words, n->size, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
        return err_set(e, err_kind_of(errno), errno, "ask over netlink");
    }
    return netlink_hear(fd, e);
}
