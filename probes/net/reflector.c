#include "probes/net/reflector.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/arrival.h"
#include "probes/net/origin.h"
#include "probes/net/stamp.h"
#include "probes/net/sync.h"

enum {
    REFLECTOR_BATCH = 64,
    REFLECTOR_CHUNK = 8, /* answers that share a T3: the last is 10 us late at 1 us each */
    REFLECTOR_PACKET_BYTES = 9216,           /* a jumbo frame */
    REFLECTOR_SOCKET_BYTES = 4 << 20,        /* 5,000 packets: 25 ms of 200,000 a second */
    REFLECTOR_WAIT_NS = 100 * CLK_NS_PER_MS, /* the flag is looked at so often */
    REFLECTOR_TTL = 255,
};

/* The two clocks are slewed alike, so that any more between them is a step. */
static const uint64_t step_ns = 10 * (uint64_t)CLK_NS_PER_MS;
/* The clock's error is asked for so often: a system call we spare each packet. */
static const uint64_t estimate_every_ns = 10 * (uint64_t)CLK_NS_PER_S;

struct reflector_batch {
    struct mmsghdr in[REFLECTOR_BATCH];
    struct mmsghdr out[REFLECTOR_BATCH];
    struct iovec in_iov[REFLECTOR_BATCH];
    struct iovec out_iov[REFLECTOR_BATCH];
    char *out_control[REFLECTOR_BATCH]; /* the packet's own, which is read by then */
    union peer_sockaddr from[REFLECTOR_BATCH];
    _Alignas(struct cmsghdr) char control[REFLECTOR_BATCH][ARRIVAL_CONTROL_BYTES];
    uint8_t bytes[REFLECTOR_BATCH][REFLECTOR_PACKET_BYTES];
};

struct reflector_now {
    uint64_t ns, real_ns; /* CLOCK_MONOTONIC, CLOCK_REALTIME */
};

/* Makes ready what the kernel changed in receiving. */
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
                         : code == EMFILE || code == ENFILE
                             ? "; too many files are open: raise 'ulimit -n' or close some"
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
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room)) /* above the cap: root */
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

static int bind_where(struct reflector *r, const struct peer *at, struct err *e)
{
    if (!*at->host)
        return bind_anywhere(r, at->port, e);
    struct peer_addresses addresses;
    if (peer_resolve(at, true, &addresses, e))
        return -1;
    return bind_to(r, &addresses.items[0], e);
}

int reflector_open(struct reflector *r, const struct peer *at, struct err *e)
{
    *r = REFLECTOR_CLOSED;
    r->policy.dscp_allowed = UINT64_MAX;
    r->refused.seed = origin_seed_random();
    r->batch = calloc(1, sizeof *r->batch);
    if (!r->batch)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a batch of packets");
    for (unsigned i = 0; i < REFLECTOR_BATCH; i++)
        reset(r->batch, i);
    return bind_where(r, at, e) ? -1 : departure_open(&r->departure, r->fd, e);
}

int reflector_govern(struct reflector *r, const struct reflector_rules *rules, struct err *e)
{
    r->allow = rules->allow;
    r->policy.key = rules->key;
    r->policy.stateful = rules->stateful;
    if (bucket_open(&r->bucket, rules->rate, origin_seed_random(), e))
        return -1;
    return rules->stateful ? sessions_open(&r->sessions, origin_seed_random(), e) : 0;
}

void reflector_release(struct reflector *r)
{
    auto_close_fd(&r->fd);
    r->fd = -1;
    bucket_release(&r->bucket);
    sessions_release(&r->sessions);
    departure_release(&r->departure);
    free(r->batch);
    r->batch = NULL;
}

uint64_t reflector_received(const struct reflector *r)
{
    uint64_t sum = r->counts.disallowed + r->counts.limited;
    for (int i = 0; i < ANSWER_KINDS; i++)
        sum += r->counts.by_kind[i];
    return sum;
}

/* Whether a packet is answered; counts it. */
static bool is_answered(struct reflector *r, const uint8_t *bytes, const struct answer_packet *p,
                        struct origin from, uint64_t now_ns)
{
    struct reflector_counts *c = &r->counts;
    uint64_t *count = &c->disallowed;
    if (r->allow.count == 0 || cidr_list_holds(&r->allow, from)) {
        enum answer_kind kind = answer_check(bytes, p, &r->policy);
        bool above = kind == ANSWER_GIVEN && !bucket_take(&r->bucket, origin_site(from), now_ns);
        count = above ? &c->limited : &c->by_kind[kind];
    }
    ++*count;
    if (count == &c->by_kind[ANSWER_GIVEN])
        return true;
    distinct_note(&r->refused, from);
    return false;
}

static uint32_t next_sequence(struct reflector *r, const uint8_t *bytes,
                              const struct answer_packet *p, struct origin from, uint64_t now_ns)
{
    struct stamp_request request = { 0 };
    if (!r->policy.stateful)
        return 0;
    (void)stamp_get_request(bytes, p->size, r->policy.key != NULL, &request);
    struct sessions_name name = { .from = from, .port = p->from_port, .ssid = request.ssid };
    return sessions_next(&r->sessions, &name, now_ns);
}

/* An answer to a whole address of ours need not be told where from: the socket is bound to it. */
static bool is_bound_to_all(const struct reflector *r)
{
    return r->at.any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&r->at.v6.sin6_addr)
                                           : r->at.v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

static void address(struct reflector *r, unsigned i, const struct arrival *a, uint8_t tos,
                    struct msghdr *out)
{
    struct reflector_batch *b = r->batch;
    union peer_sockaddr *to = &b->from[i];
    bool v6 = to->any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&to->v6.sin6_addr);
    out->msg_name = to;
    out->msg_namelen = b->in[i].msg_hdr.msg_namelen;
    if (is_bound_to_all(r))
        arrival_answer_from(a, b->control[i], out);
    if (tos)
        arrival_answer_tos(v6, tos, b->control[i], out);
}

/* Decides on message i of the batch and puts its answer into out[n]; how many it put. */
static unsigned answer(struct reflector *r, unsigned i, unsigned n, const struct reflector_now *now)
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
                               .tos_known = a.tos_known,
                               .tos = a.tos,
                               .received_ns = a.real_ns ? a.real_ns : now->real_ns };
    struct origin from = origin_of(&b->from[i]);
    if (!is_answered(r, b->bytes[i], &p, from, now->ns))
        return 0;
    p.sequence = next_sequence(r, b->bytes[i], &p, from, now->ns);
    uint8_t tos = answer_make(b->bytes[i], &p, &r->policy);
    b->out_iov[n] = (struct iovec){ b->bytes[i], p.size };
    b->out_control[n] = b->control[i];
    b->out[n].msg_hdr = (struct msghdr){ .msg_iov = &b->out_iov[n], .msg_iovlen = 1 };
    address(r, i, &a, tos, &b->out[n].msg_hdr);
    return 1;
}

static void send_chunk(struct reflector *r, struct mmsghdr *out, unsigned count)
{
    for (unsigned i = 0; i < count;) {
        int n = sendmmsg(r->fd, out + i, count - i, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r->counts.unsent++; /* this one; the next may go */
            n = 1;
        }
        i += (unsigned)n;
    }
}

static void send_answers(struct reflector *r, unsigned count, uint64_t now_ns)
{
    struct reflector_batch *b = r->batch;
    unsigned asked =
        departure_is_due(&r->departure, now_ns) ? departure_pick(&r->departure, count) : count;
    if (asked < count)
        arrival_answer_stamped(b->out_control[asked], &b->out[asked].msg_hdr);
    for (unsigned first = 0; first < count; first += REFLECTOR_CHUNK) {
        unsigned some = count - first < REFLECTOR_CHUNK ? count - first : REFLECTOR_CHUNK;
        uint64_t t3_ns = clk_realtime_ns();
        for (unsigned i = first; i < first + some; i++)
            answer_seal(b->out_iov[i].iov_base, t3_ns, &r->policy);
        if (asked - first < some)
            departure_ask(&r->departure, t3_ns, now_ns);
        send_chunk(r, b->out + first, some);
    }
    if (asked < count)
        departure_collect(&r->departure, r->fd); /* mostly there already */
}

/* One batch; how many came. */
static unsigned reflect_batch(struct reflector *r, uint64_t now_ns)
{
    struct reflector_batch *b = r->batch;
    int came = recvmmsg(r->fd, b->in, REFLECTOR_BATCH, MSG_DONTWAIT, NULL);
    if (came <= 0)
        return 0;
    struct reflector_now now = { .ns = now_ns, .real_ns = clk_realtime_ns() };
    unsigned count = 0;
    for (unsigned i = 0; i < (unsigned)came; i++)
        count += answer(r, i, count, &now);
    if (count) {
        send_answers(r, count, now_ns);
        r->last_ns = now_ns;
    }
    for (unsigned i = 0; i < (unsigned)came; i++)
        reset(b, i);
    return (unsigned)came;
}

/* How far the wall clock is ahead of the steady one; a pause between the two looks is a step. */
static void look_for_step(struct reflector *r)
{
    uint64_t before_ns = clk_now_ns();
    uint64_t ahead_ns = clk_realtime_ns() - before_ns;
    if (clk_now_ns() - before_ns > step_ns / 10)
        return;
    int64_t moved_ns = (int64_t)(ahead_ns - r->realtime_ahead_ns);
    if (r->realtime_ahead_ns && (moved_ns >= (int64_t)step_ns || moved_ns <= -(int64_t)step_ns)) {
        r->counts.clock_steps++;
        r->estimated_ns = 0; /* whoever stepped it knows more of its error now */
    }
    r->realtime_ahead_ns = ahead_ns;
}

static void look_at_clock(struct reflector *r, uint64_t now_ns)
{
    look_for_step(r);
    if (r->estimated_ns && now_ns - r->estimated_ns < estimate_every_ns)
        return;
    r->policy.error_estimate = sync_error_estimate();
    r->estimated_ns = now_ns;
}

/* Takes what is pending on the socket but no packet, or poll would say it for ever. */
static void clear_errors(struct reflector *r)
{
    int code;
    socklen_t size = sizeof code;
    departure_collect(&r->departure, r->fd);
    (void)getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &code, &size);
}

int reflector_run(struct reflector *r, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  struct err *e)
{
    for (uint64_t now_ns = clk_now_ns(); now_ns < until_ns && !*stop; now_ns = clk_now_ns()) {
        uint64_t left_ns = until_ns - now_ns;
        struct timespec t = clk_timespec(left_ns < REFLECTOR_WAIT_NS ? left_ns : REFLECTOR_WAIT_NS);
        struct pollfd p = { .fd = r->fd, .events = POLLIN };
        look_at_clock(r, now_ns);
        int ready = ppoll(&p, 1, &t, NULL);
        if (ready < 0 && errno != EINTR)
            return err_set(e, ERR_IO, errno, "wait for packets");
        if (ready > 0 && (p.revents & POLLNVAL))
            return err_set(e, ERR_IO, 0, "the reflector's socket was closed");
        if (ready > 0 && (p.revents & POLLERR))
            clear_errors(r);
        /* A flood does not end by itself. */
        uint64_t end_ns = clk_now_ns() + REFLECTOR_WAIT_NS;
        end_ns = end_ns < until_ns ? end_ns : until_ns;
        for (now_ns = clk_now_ns(); ready > 0 && !*stop; now_ns = clk_now_ns()) {
            if (reflect_batch(r, now_ns) < REFLECTOR_BATCH || now_ns >= end_ns)
                break;
        }
    }
    return 0;
}
