#include "probes/net/sender.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/arrival.h"
#include "probes/net/sync.h"

enum {
    SENDER_TTL = 255, /* RFC 4656 4.1.2; so that the reflector's TTL field tells the hops */
    /* The flag is looked at so often: a signal may come between the look and the wait. */
    SENDER_WAIT_NS = 100 * CLK_NS_PER_MS,
    /* Two clocks are read this close together, or again. */
    SENDER_MOMENT_NS = CLK_NS_PER_US,
    SENDER_MOMENT_TRIES = 4,
};

/* A kernel stamp older than this was taken before a step of the clock. */
static const uint64_t stamp_age_max_ns = 10 * (uint64_t)CLK_NS_PER_S;

static struct session_time moment_now(void)
{
    struct session_time t = { 0 };
    uint64_t before_ns = clk_now_ns();
    for (int i = 0; i < SENDER_MOMENT_TRIES; i++) {
        t.real_ns = clk_realtime_ns();
        uint64_t after_ns = clk_now_ns();
        t.mono_ns = before_ns + (after_ns - before_ns) / 2;
        if (after_ns - before_ns <= SENDER_MOMENT_NS)
            break;
        before_ns = after_ns;
    }
    return t;
}

static void enable_errors(int fd, int family)
{
    static const int on = 1;
    static const int ttl = SENDER_TTL;
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    }
}

int sender_open(struct sender *s, const union peer_sockaddr *peer,
                const struct session_terms *terms, struct err *e)
{
    *s = SENDER_CLOSED;
    s->peer = *peer;
    if (session_open(&s->session, terms, e))
        return -1;
    s->fd = socket(peer->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0) {
        session_release(&s->session);
        return err_set(e, err_kind_of(errno), errno, "open a UDP socket for IPv%d",
                       peer->any.sa_family == AF_INET6 ? 6 : 4);
    }
    arrival_enable(s->fd, peer->any.sa_family);
    enable_errors(s->fd, peer->any.sa_family);
    s->error_estimate = sync_error_estimate();
    return 0;
}

void sender_release(struct sender *s)
{
    auto_close_fd(&s->fd);
    s->fd = -1;
    session_release(&s->session);
}

static void note_errno(struct sender *s, int code)
{
    s->counts.last_errno = code;
    if (code == ECONNREFUSED)
        s->counts.refused++;
    else
        s->counts.icmp++;
}

static const struct sock_extended_err *extended_error(struct cmsghdr *c)
{
    bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
    return is_error ? (const struct sock_extended_err *)(const void *)CMSG_DATA(c) : NULL;
}

/* Empties the queue of ICMP errors, or it would wake us for ever. */
static void drain_errors(struct sender *s)
{
    for (;;) {
        _Alignas(struct cmsghdr) char control[ARRIVAL_CONTROL_BYTES];
        char packet[STAMP_BYTES];
        struct iovec iov = { packet, sizeof packet };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control };
        if (recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
            const struct sock_extended_err *x = extended_error(c);
            if (x && x->ee_errno)
                note_errno(s, (int)x->ee_errno);
        }
    }
}

static void send_one(struct sender *s)
{
    uint8_t packet[STAMP_BYTES];
    if (session_send(&s->session, moment_now(), s->error_estimate, packet))
        return;
    socklen_t size = peer_sockaddr_size(&s->peer);
    ssize_t n = sendto(s->fd, packet, sizeof packet, 0, &s->peer.any, size);
    /* The error may be that of an earlier packet, and it is cleared by being told. */
    if (n < 0 && errno != EAGAIN)
        n = sendto(s->fd, packet, sizeof packet, 0, &s->peer.any, size);
    if (n < 0) {
        s->counts.unsent++;
        s->counts.last_errno = errno;
    }
}

/* The arrival by both clocks: the kernel's wall-clock stamp, and as long before now by the other.
 */
static struct session_time arrival_time(struct sender *s, const struct arrival *a)
{
    struct session_time now = moment_now();
    if (!a->real_ns || a->real_ns > now.real_ns || now.real_ns - a->real_ns > stamp_age_max_ns)
        return now;
    s->counts.stamped++;
    return (struct session_time){ .mono_ns = now.mono_ns - (now.real_ns - a->real_ns),
                                  .real_ns = a->real_ns };
}

/* One packet; false when there is none. */
static bool receive_one(struct sender *s, const struct sender_sink *sink)
{
    _Alignas(struct cmsghdr) char control[ARRIVAL_CONTROL_BYTES];
    uint8_t packet[STAMP_BYTES + 1]; /* one more shows what is too long */
    union peer_sockaddr from = { 0 };
    struct iovec iov = { packet, sizeof packet };
    struct msghdr m = { .msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof control };
    ssize_t n = recvmsg(s->fd, &m, 0);
    if (n < 0)
        return errno != EAGAIN && errno != EINTR && errno != ENOMEM; /* an ICMP error, told once */
    if (!peer_same(&from, &s->peer)) {
        s->counts.foreign++;
        s->last_foreign = from;
        return true;
    }
    struct arrival a;
    struct session_sample sample;
    arrival_read(&m, &a);
    enum session_kind kind =
        session_receive(&s->session, packet, (size_t)n, arrival_time(s, &a), &sample);
    if (kind == SESSION_SAMPLE && sink)
        sink->take(sink->arg, &sample);
    return true;
}

enum {
    SENDER_BURST = 256 /* packets taken at a look, so that a flood cannot keep us from sending */
};

static void receive_all(struct sender *s, const struct sender_sink *sink)
{
    drain_errors(s);
    bool more = true;
    for (int i = 0; i < SENDER_BURST && more; i++)
        more = receive_one(s, sink);
    if (!more)
        session_settle(&s->session, clk_now_ns());
}

static void wait_until(const struct sender *s, uint64_t when_ns)
{
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = when_ns > now_ns ? when_ns - now_ns : 0;
    struct timespec t = clk_timespec(left_ns < SENDER_WAIT_NS ? left_ns : SENDER_WAIT_NS);
    struct pollfd p = { .fd = s->fd, .events = POLLIN };
    (void)ppoll(&p, 1, &t, NULL);
}

static void take_slot(struct sender *s, struct pace *pace, uint64_t now_ns)
{
    uint64_t missed = pace->missed;
    (void)pace_take(pace, now_ns);
    session_skip(&s->session, (pace->missed - missed) * pace->interval_ns);
    send_one(s);
}

void sender_run(struct sender *s, uint64_t until_ns, const volatile sig_atomic_t *stop,
                const struct sender_sink *sink)
{
    struct pace pace;
    uint64_t now_ns = clk_now_ns();
    if (s->left_ns)
        session_skip(&s->session, now_ns - s->left_ns);
    receive_all(s, sink); /* what came meanwhile; the kernel stamped it */
    pace_init(&pace, now_ns, s->session.terms.interval_ns);
    for (now_ns = clk_now_ns(); now_ns < until_ns && !*stop; now_ns = clk_now_ns()) {
        if (now_ns >= pace_due_ns(&pace))
            take_slot(s, &pace, now_ns);
        receive_all(s, sink);
        uint64_t due_ns = pace_due_ns(&pace);
        wait_until(s, due_ns < until_ns ? due_ns : until_ns);
    }
    receive_all(s, sink);
    s->left_ns = clk_now_ns();
    s->counts.taken += pace.taken;
    s->counts.missed += pace.missed;
    if (pace.late_max_ns > s->counts.late_max_ns)
        s->counts.late_max_ns = pace.late_max_ns;
}

void sender_drain(struct sender *s, uint64_t until_ns, const volatile sig_atomic_t *stop,
                  const struct sender_sink *sink)
{
    receive_all(s, sink);
    while (session_unsettled(&s->session) && clk_now_ns() < until_ns && !*stop) {
        wait_until(s, until_ns);
        receive_all(s, sink);
    }
}
