#include "probes/net/scan.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/sized.h"
#include "probes/net/sync.h"

enum {
    SCAN_TCP_SPACE_NS = 5 * CLK_NS_PER_MS, /* a burst of SYNs looks like a flood to some filters */
    SCAN_UDP_SPACE_NS = 10 * CLK_NS_PER_MS,
    SCAN_UDP_BURST = 5,                        /* one fewer than Linux lets out at once */
    SCAN_UDP_REFILL_NS = 1050 * CLK_NS_PER_MS, /* a little more than icmp_ratelimit */
    SCAN_UDP_WAIT_NS = 1000 * CLK_NS_PER_MS,   /* for the answer to a datagram */
    SCAN_WAIT_NS = 50 * CLK_NS_PER_MS,         /* the flag is looked at so often */
    SCAN_CALLS = 3,                            /* STAMP requests */
    SCAN_CALL_NS = 300 * CLK_NS_PER_MS,
    SCAN_TCP_LEAST_NS = 1200 * CLK_NS_PER_MS, /* the SYN was repeated once; RFC 6298 2.1: 1 s */
    SCAN_UDP_LEAST_NS = 300 * CLK_NS_PER_MS,
    SCAN_POLL = SCAN_AT_ONCE * (SERVICES_MAX + 1),
    SCAN_SYNS = 4, /* of one connection at most, within some seconds */
};

void scan_open(struct scan *s, const union peer_sockaddr *peer, const struct service *services)
{
    *s = (struct scan){ .peer = *peer, .call_fd = -1 };
    for (; services->port && s->count < SERVICES_MAX; services++) {
        if (services->between)
            s->doors[s->count++] =
                (struct scan_door){ .service = services, .dial = DIAL_CLOSED, .fd = -1 };
    }
}

void scan_release(struct scan *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        dial_release(&s->doors[i].dial);
        auto_close_fd(&s->doors[i].fd);
        s->doors[i].fd = -1;
    }
    auto_close_fd(&s->call_fd);
    s->call_fd = -1;
}

static union peer_sockaddr at_port(const union peer_sockaddr *peer, uint16_t port)
{
    union peer_sockaddr at = *peer;
    if (at.any.sa_family == AF_INET6)
        at.v6.sin6_port = htons(port);
    else
        at.v4.sin_port = htons(port);
    return at;
}

static void udp_settle(struct scan_door *d, enum door door)
{
    d->door = door;
    auto_close_fd(&d->fd);
    d->fd = -1;
}

/* What came for a UDP port: an answer, or an error that the kernel tells. */
static void udp_take(struct scan_door *d)
{
    char byte;
    struct icmp_report icmp;
    if (icmp_take(d->fd, &icmp)) {
        udp_settle(d, door_of(true, icmp.code_errno, &icmp));
        return;
    }
    ssize_t n = recv(d->fd, &byte, sizeof byte, MSG_DONTWAIT);
    if (n >= 0)
        udp_settle(d, DOOR_OPEN);
    else if (errno != EAGAIN && errno != EINTR)
        udp_settle(d, door_of(true, errno, NULL));
}

static int open_udp(const union peer_sockaddr *at)
{
    int fd = socket(at->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    icmp_enable(fd, at->any.sa_family);
    if (connect(fd, &at->any, peer_sockaddr_size(at)) == 0)
        return fd;
    auto_close_fd(&fd);
    return -1;
}

static void udp_ask(struct scan *s, struct scan_door *d, uint64_t now_ns)
{
    union peer_sockaddr at = at_port(&s->peer, d->service->port);
    int code = 0;
    d->asked++;
    d->asked_ns = now_ns;
    s->udp_sent++;
    s->udp_due_ns =
        now_ns + (s->udp_sent < SCAN_UDP_BURST ? SCAN_UDP_SPACE_NS : SCAN_UDP_REFILL_NS);
    if (d->fd < 0)
        d->fd = open_udp(&at);
    if (d->fd < 0)
        code = errno;
    /* An earlier error is told first, and is an answer. */
    if (!code && send(d->fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        code = errno;
    struct icmp_report icmp;
    if (code && code != EAGAIN)
        udp_settle(d, d->fd >= 0 && icmp_take(d->fd, &icmp) ? door_of(true, icmp.code_errno, &icmp)
                                                            : door_of(true, code, NULL));
}

static bool udp_is_open(const struct scan_door *d)
{
    return d->service->udp && d->door == DOOR_UNASKED;
}

/* The one that was asked least, of those whose last question is old enough. */
static struct scan_door *udp_next(struct scan *s, const struct scan_terms *terms, uint64_t now_ns)
{
    struct scan_door *next = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        struct scan_door *d = &s->doors[i];
        bool waits = d->asked && now_ns - d->asked_ns < SCAN_UDP_WAIT_NS;
        if (udp_is_open(d) && !waits && d->asked < terms->udp_asks &&
            (!next || d->asked < next->asked))
            next = d;
    }
    return next;
}

static void tcp_ask(struct scan *s, struct scan_door *d, const struct scan_terms *terms,
                    uint64_t now_ns)
{
    struct dial_outcome out;
    union peer_sockaddr at = at_port(&s->peer, d->service->port);
    d->asked = 1;
    d->asked_ns = now_ns;
    s->tcp_due_ns = now_ns + SCAN_TCP_SPACE_NS;
    if (dial_begin(&d->dial, &at, terms->timeout_ns, &out))
        d->door = out.door;
}

static struct scan_door *tcp_next(struct scan *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (!s->doors[i].service->udp && !s->doors[i].asked)
            return &s->doors[i];
    }
    return NULL;
}

/* Also "no one listens there" shows that the host lives. */
static void call(struct scan *s, uint64_t now_ns)
{
    uint8_t packet[SIZED_BYTES_MIN];
    struct icmp_report icmp;
    if (s->call_fd < 0)
        s->call_fd = open_udp(&s->peer);
    if (s->call_fd < 0 || s->alive)
        return;
    s->alive = recv(s->call_fd, packet, sizeof packet, MSG_DONTWAIT) >= 0 ||
               (icmp_take(s->call_fd, &icmp) && icmp_is_port_unreachable(&icmp));
    if (s->alive || s->calls == SCAN_CALLS || now_ns < s->call_due_ns)
        return;
    struct sized_request r = { .size = sizeof packet,
                               .sequence = s->calls++,
                               .ssid = 1,
                               .error_estimate = sync_error_estimate(),
                               .sent_ns = clk_realtime_ns() };
    sized_put(packet, &r);
    (void)send(s->call_fd, packet, sizeof packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    s->call_due_ns = now_ns + SCAN_CALL_NS;
}

static void ask_due(struct scan *s, const struct scan_terms *terms, uint64_t now_ns)
{
    call(s, now_ns);
    struct scan_door *tcp = now_ns >= s->tcp_due_ns ? tcp_next(s) : NULL;
    struct scan_door *udp = now_ns >= s->udp_due_ns ? udp_next(s, terms, now_ns) : NULL;
    if (tcp)
        tcp_ask(s, tcp, terms, now_ns);
    if (udp)
        udp_ask(s, udp, now_ns);
}

/* Takes what came; whether anything is still to be known. */
static bool take(struct scan *s, const struct scan_terms *terms, uint64_t now_ns)
{
    bool open = false;
    for (unsigned i = 0; i < s->count; i++) {
        struct scan_door *d = &s->doors[i];
        struct dial_outcome out;
        if (d->service->udp && d->fd >= 0)
            udp_take(d);
        if (udp_is_open(d) && d->asked >= terms->udp_asks &&
            now_ns - d->asked_ns >= SCAN_UDP_WAIT_NS)
            udp_settle(d, DOOR_SILENT);
        if (d->dial.phase != DIAL_IDLE && dial_step(&d->dial, now_ns, &out))
            d->door = out.door;
        open = open || d->door == DOOR_UNASKED || d->dial.phase != DIAL_IDLE;
    }
    return open;
}

static unsigned gather(struct scan *s, struct pollfd *polls, unsigned n)
{
    if (n < SCAN_POLL && s->call_fd >= 0 && !s->alive)
        polls[n++] = (struct pollfd){ .fd = s->call_fd, .events = POLLIN };
    for (unsigned i = 0; i < s->count && n < SCAN_POLL; i++) {
        struct scan_door *d = &s->doors[i];
        if (d->dial.phase != DIAL_IDLE)
            polls[n++] = (struct pollfd){ .fd = d->dial.fd, .events = dial_events(&d->dial) };
        else if (d->fd >= 0)
            polls[n++] = (struct pollfd){ .fd = d->fd, .events = POLLIN };
    }
    return n;
}

/* Until something comes, or the next question is due. */
static void wait_for(struct scan *scans, unsigned count)
{
    struct pollfd polls[SCAN_POLL];
    unsigned n = 0;
    bool asks = false;
    for (unsigned i = 0; i < count; i++) {
        n = gather(&scans[i], polls, n);
        asks = asks || tcp_next(&scans[i]);
    }
    struct timespec t = clk_timespec(asks ? SCAN_TCP_SPACE_NS : SCAN_WAIT_NS / 5);
    (void)ppoll(polls, n, &t, NULL);
}

/* The time is over: what was asked long enough ago and said nothing is silence. */
static void settle(struct scan *s, uint64_t now_ns)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct scan_door *d = &s->doors[i];
        bool udp = d->service->udp;
        uint64_t least_ns = udp ? SCAN_UDP_LEAST_NS : SCAN_TCP_LEAST_NS;
        if (d->door == DOOR_UNASKED && d->asked && now_ns - d->asked_ns >= least_ns)
            d->door = door_of(udp, ETIMEDOUT, NULL);
        s->alive = s->alive || d->door == DOOR_OPEN || d->door == DOOR_REFUSED;
    }
    scan_release(s);
}

void scan_run(struct scan *scans, unsigned count, const struct scan_terms *terms, uint64_t until_ns,
              const volatile sig_atomic_t *stop)
{
    bool open = true;
    for (uint64_t now_ns = clk_now_ns(); open && now_ns < until_ns && !*stop;
         now_ns = clk_now_ns()) {
        open = false;
        for (unsigned i = 0; i < count; i++) {
            ask_due(&scans[i], terms, now_ns);
            open = take(&scans[i], terms, clk_now_ns()) || open;
        }
        if (open)
            wait_for(scans, count);
    }
    for (unsigned i = 0; i < count; i++)
        settle(&scans[i], clk_now_ns());
}

unsigned scan_tally(const struct scan *s, enum door door)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->count; i++)
        n += s->doors[i].door == door;
    return n;
}

void scan_words(const struct scan *s, enum door door, struct buf *words)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->doors[i].door == door)
            services_word(s->doors[i].service, words);
    }
}

uint64_t scan_packets(const struct scan_terms *terms)
{
    uint64_t packets = 0;
    for (const struct service *s = services_all; s->port; s++)
        packets += !s->between ? 0 : s->udp ? terms->udp_asks : SCAN_SYNS;
    return packets;
}
