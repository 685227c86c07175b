#include "probes/net/reflector.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/arrival.h"
#include "probes/net/sync.h"

enum {
    REFLECTOR_BATCH = 64,
    REFLECTOR_PACKET_BYTES = 9216,    /* a jumbo frame */
    REFLECTOR_SOCKET_BYTES = 4 << 20, /* 20 ms of 200,000 packets a second; the kernel caps it */
    REFLECTOR_WAIT_NS = 100 * CLK_NS_PER_MS, /* the flag is looked at so often */
    REFLECTOR_TTL = 255,
};

/* The clock's error is asked for so often: a system call we spare each packet. */
static const uint64_t estimate_every_ns = 10 * (uint64_t)CLK_NS_PER_S;

struct reflector_batch {
    struct mmsghdr in[REFLECTOR_BATCH];
    struct mmsghdr out[REFLECTOR_BATCH];
    struct iovec in_iov[REFLECTOR_BATCH];
    struct iovec out_iov[REFLECTOR_BATCH];
    union peer_sockaddr from[REFLECTOR_BATCH];
    _Alignas(struct cmsghdr) char control[REFLECTOR_BATCH][ARRIVAL_CONTROL_BYTES];
    uint8_t bytes[REFLECTOR_BATCH][REFLECTOR_PACKET_BYTES];
};

static void reset(struct reflector_batch *b, unsigned i)
{
    b->in_iov[i] = (struct iovec){ b->bytes[i], REFLECTOR_PACKET_BYTES };
    b->in[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i],
                                        .msg_namelen = sizeof b->from[i],
                                        .msg_iov = &b->in_iov[i],
                                        .msg_iovlen = 1,
                                        .msg_control = b->control[i],
                                        .msg_controllen = ARRIVAL_CONTROL_BYTES };
}

static int refuse(const union peer_sockaddr *at, int code, struct err *e)
{
    char name[PEER_NAME_BYTES];
    const char *remedy = code == EADDRINUSE ? "; another program listens there: give another port"
                         : code == EACCES   ? "; ports below 1024 need root: give a higher one"
                         : code == EADDRNOTAVAIL ? "; this host has no such address"
                                                 : "";
    return err_set(e, err_kind_of(code), 0, "listen at %s: %s%s", peer_name(at, name),
                   strerrordesc_np(code), remedy);
}

static int bind_to(struct reflector *r, const union peer_sockaddr *at, struct err *e)
{
    static const int on = 1;
    static const int off = 0;
    static const int room = REFLECTOR_SOCKET_BYTES;
    static const int ttl = REFLECTOR_TTL;
    int family = at->any.sa_family;
    bool is_any = family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&at->v6.sin6_addr);
    auto_close_fd(&r->fd); /* of an address that was tried before */
    int fd = r->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse(at, errno, e);
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    arrival_enable(fd, family);
    if (bind(fd, &at->any, peer_sockaddr_size(at)))
        return refuse(at, errno, e);
    socklen_t size = sizeof r->at;
    return getsockname(fd, &r->at.any, &size) ? refuse(at, errno, e) : 0;
}

static int bind_anywhere(struct reflector *r, uint16_t port, struct err *e)
{
    union peer_sockaddr at = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}
    };
    if (!bind_to(r, &at, e))
        return 0;
    if (e->kind == ERR_DENIED)
        return -1;
    /* A kernel without IPv6. */
    at = (union peer_sockaddr){
        .v4 = {.sin_family = AF_INET, .sin_port = htons(port)}
    };
    return bind_to(r, &at, e);
}

int reflector_open(struct reflector *r, const struct peer *at, struct err *e)
{
    *r = REFLECTOR_CLOSED;
    r->batch = calloc(1, sizeof *r->batch);
    if (!r->batch)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a batch of packets");
    if (!*at->host)
        return bind_anywhere(r, at->port, e);
    struct peer_addresses addresses;
    if (peer_resolve(at, true, &addresses, e))
        return -1;
    return bind_to(r, &addresses.items[0], e);
}

void reflector_release(struct reflector *r)
{
    auto_close_fd(&r->fd);
    r->fd = -1;
    free(r->batch);
    r->batch = NULL;
}

uint64_t reflector_received(const struct reflector *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < ANSWER_KINDS; i++)
        sum += r->counts.by_kind[i];
    return sum;
}

/* Decides on message i of the batch and puts its answer into out[n]; how many it put. */
static unsigned answer(struct reflector *r, unsigned i, unsigned n, uint64_t now_ns)
{
    struct reflector_batch *b = r->batch;
    struct msghdr *in = &b->in[i].msg_hdr;
    struct arrival a;
    arrival_read(in, &a);
    struct answer_packet p = { .size = b->in[i].msg_len,
                               .cut = (in->msg_flags & MSG_TRUNC) != 0,
                               .to_many = a.to_many,
                               .from_port = peer_sockaddr_port(&b->from[i]),
                               .our_port = peer_sockaddr_port(&r->at),
                               .ttl = a.ttl,
                               .received_ns = a.real_ns ? a.real_ns : now_ns };
    struct answer_policy policy = { .error_estimate = r->error_estimate };
    enum answer_kind kind = answer_check(b->bytes[i], &p, &policy);
    r->counts.by_kind[kind]++;
    if (kind != ANSWER_GIVEN)
        return 0;
    (void)answer_make(b->bytes[i], &p, &policy);
    b->out_iov[n] = (struct iovec){ b->bytes[i], p.size };
    struct msghdr *out = &b->out[n].msg_hdr;
    *out = (struct msghdr){ .msg_name = &b->from[i],
                            .msg_namelen = in->msg_namelen,
                            .msg_iov = &b->out_iov[n],
                            .msg_iovlen = 1 };
    arrival_answer_from(&a, b->control[i], out);
    return 1;
}

static void send_answers(struct reflector *r, unsigned count)
{
    struct reflector_batch *b = r->batch;
    struct answer_policy policy = { .error_estimate = r->error_estimate };
    uint64_t t3_ns = clk_realtime_ns();
    for (unsigned i = 0; i < count; i++)
        answer_seal(b->out_iov[i].iov_base, t3_ns, &policy);
    for (unsigned i = 0; i < count;) {
        int n = sendmmsg(r->fd, b->out + i, count - i, MSG_DONTWAIT);
        if (n <= 0) {
            r->counts.unsent++; /* this one; the next may go */
            n = 1;
        }
        i += (unsigned)n;
    }
}

/* One batch; how many came. */
static unsigned reflect_batch(struct reflector *r)
{
    struct reflector_batch *b = r->batch;
    for (unsigned i = 0; i < REFLECTOR_BATCH; i++)
        reset(b, i);
    int came = recvmmsg(r->fd, b->in, REFLECTOR_BATCH, MSG_DONTWAIT, NULL);
    if (came <= 0)
        return 0;
    uint64_t now_ns = clk_realtime_ns();
    unsigned count = 0;
    for (unsigned i = 0; i < (unsigned)came; i++)
        count += answer(r, i, count, now_ns);
    if (count)
        send_answers(r, count);
    r->last_ns = clk_now_ns();
    return (unsigned)came;
}

static void estimate(struct reflector *r, uint64_t now_ns)
{
    if (r->estimated_ns && now_ns - r->estimated_ns < estimate_every_ns)
        return;
    r->error_estimate = sync_error_estimate();
    r->estimated_ns = now_ns;
}

int reflector_run(struct reflector *r, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  struct err *e)
{
    for (uint64_t now_ns = clk_now_ns(); now_ns < until_ns && !*stop; now_ns = clk_now_ns()) {
        uint64_t left_ns = until_ns - now_ns;
        struct timespec t = clk_timespec(left_ns < REFLECTOR_WAIT_NS ? left_ns : REFLECTOR_WAIT_NS);
        struct pollfd p = { .fd = r->fd, .events = POLLIN };
        estimate(r, now_ns);
        int ready = ppoll(&p, 1, &t, NULL);
        if (ready < 0 && errno != EINTR)
            return err_set(e, ERR_IO, errno, "wait for packets");
        if (ready > 0 && (p.revents & POLLNVAL))
            return err_set(e, ERR_IO, 0, "the reflector's socket was closed");
        while (ready > 0 && !*stop && reflect_batch(r) == REFLECTOR_BATCH)
            ;
    }
    return 0;
}
