#include "probes/net/sizing.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/sized.h"
#include "probes/net/sync.h"

enum {
    SIZING_SPACE_NS = 30 * CLK_NS_PER_MS,  /* between tries, so that a burst of losses takes few */
    SIZING_GREET_NS = 100 * CLK_NS_PER_MS, /* between greetings */
    SIZING_GREETINGS = 30,
    SIZING_PATIENCE_NS_MIN = 150 * CLK_NS_PER_MS,
    SIZING_PATIENCE_NS_MAX = CLK_NS_PER_S,
    SIZING_WAIT_NS = 50 * CLK_NS_PER_MS, /* the flag is looked at so often */
    SIZING_OUTAGES = 3,
    SIZING_POLL = 128,
    SIZING_TRY_BITS = 16, /* of a sequence: the size asked for is above */
    SIZING_CONTROL_BYTES = 512,
    SIZING_FLOOR_V4 = 576,  /* RFC 791 3.1: every host takes it */
    SIZING_FLOOR_V6 = 1280, /* RFC 8200 5: every link carries it */
    SIZING_HEADER_V4 = 28,  /* IP 20, UDP 8 */
    SIZING_HEADER_V6 = 48,
};

static void set_options(int fd, int family)
{
    static const int on = 1;
    static const int probe4 = IP_PMTUDISC_PROBE;
    static const int probe6 = IPV6_PMTUDISC_PROBE;
    icmp_enable(fd, family);
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof probe6);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, &on, sizeof on);
    } else {
        (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe4, sizeof probe4);
        (void)setsockopt(fd, IPPROTO_IP, IP_RECVFRAGSIZE, &on, sizeof on);
    }
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

int sizing_open(struct sizing *s, const union peer_sockaddr *peer, const struct auth_key *key,
                uint16_t ssid, struct err *e)
{
    char name[PEER_NAME_BYTES];
    bool v6 = peer->any.sa_family == AF_INET6;
    *s = (struct sizing){ .fd = -1,
                          .peer = *peer,
                          .key = key,
                          .ssid = ssid,
                          .header = v6 ? SIZING_HEADER_V6 : SIZING_HEADER_V4,
                          .error_estimate = sync_error_estimate() };
    s->fd = socket(peer->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open a UDP socket for IPv%d", v6 ? 6 : 4);
    set_options(s->fd, peer->any.sa_family);
    if (connect(s->fd, &peer->any, peer_sockaddr_size(peer)))
        return err_set(e, ERR_PEER, errno, "%s cannot be reached; check the address and the route",
                       peer_name(peer, name));
    if (egress_of(s->fd, &s->egress, e))
        return -1;
    unsigned top = least(s->egress.mtu, SIZED_BYTES_MAX);
    pathmtu_init(&s->search, least(v6 ? SIZING_FLOOR_V6 : SIZING_FLOOR_V4, top), top);
    return 0;
}

void sizing_release(struct sizing *s)
{
    auto_close_fd(&s->fd);
    s->fd = -1;
}

static void hear(struct sizing *s);

/* A packet of that many octets with its headers; the errno when the kernel refuses it. */
static int send_size(struct sizing *s, unsigned size)
{
    uint8_t packet[SIZED_BYTES_MAX];
    struct sized_request r = { .size = size - s->header,
                               .sequence = (uint32_t)size << SIZING_TRY_BITS |
                                           (s->sequence++ & ((1U << SIZING_TRY_BITS) - 1)),
                               .ssid = s->ssid,
                               .error_estimate = s->error_estimate,
                               .sent_ns = clk_realtime_ns(),
                               .key = s->key };
    sized_put(packet, &r);
    ssize_t n = send(s->fd, packet, r.size, MSG_NOSIGNAL);
    if (n < 0 && errno != EMSGSIZE && errno != EAGAIN) { /* an earlier packet's error, told once */
        hear(s);
        n = send(s->fd, packet, r.size, MSG_NOSIGNAL);
    }
    return n < 0 ? errno : 0;
}

static void send_small(struct sizing *s)
{
    int code = send_size(s, s->header + (unsigned)sized_bytes_min(s->key));
    s->sent_small++;
    if (code && code != EAGAIN)
        s->last_errno = code;
}

/* The question is answered by no. */
static void give_up_size(struct sizing *s, unsigned *how)
{
    (*how)++;
    pathmtu_not_carried(&s->search, s->size);
    s->size = 0;
}

static void take_icmp(struct sizing *s, const struct icmp_report *r)
{
    s->last_errno = r->code_errno;
    if (r->code_errno == ECONNREFUSED && s->phase == SIZING_GREETING)
        s->phase = SIZING_REFUSED;
    if (r->code_errno != EMSGSIZE || !r->heard)
        return;
    s->told_by = r->from;
    s->told_mtu = r->mtu;
    pathmtu_hint(&s->search, r->mtu);
    if (s->size && (r->mtu == 0 || r->mtu < s->size))
        give_up_size(s, &s->told);
}

/* Takes all that routers said. */
static void hear(struct sizing *s)
{
    struct icmp_report r;
    while (icmp_take(s->fd, &r))
        take_icmp(s, &r);
}

static unsigned fragment_size(struct msghdr *m)
{
    int size = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        bool tells = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVFRAGSIZE) ||
                     (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVFRAGSIZE);
        if (tells)
            memcpy(&size, CMSG_DATA(c), sizeof size);
    }
    return size > 0 ? (unsigned)size : 0;
}

static void take_small(struct sizing *s)
{
    s->answered_small++;
    s->small++;
    if (s->phase == SIZING_GREETING)
        s->phase = SIZING_ASKING;
}

static void take_large(struct sizing *s, unsigned size, unsigned fragment)
{
    s->answered++;
    if (fragment) {
        s->fragmented++;
        s->fragment_bytes = fragment > s->fragment_bytes ? fragment : s->fragment_bytes;
        pathmtu_hint(&s->search, fragment);
        if (size == s->size) {
            pathmtu_not_carried(&s->search, size);
            s->size = 0;
        }
        return;
    }
    pathmtu_carried(&s->search, size);
    if (size == s->size)
        s->size = 0;
}

static void take_answer(struct sizing *s, const uint8_t *packet, size_t n, unsigned fragment)
{
    struct sized_answer a;
    uint64_t now_ns = clk_realtime_ns();
    if (sized_get(packet, n, s->key, s->ssid, now_ns, &a) ||
        a.sequence >> SIZING_TRY_BITS != n + s->header)
        return;
    uint64_t rtt_ns = now_ns > a.sent_ns ? now_ns - a.sent_ns : 0;
    if (rtt_ns > s->rtt_max_ns && rtt_ns < 4 * (uint64_t)SIZING_PATIENCE_NS_MAX)
        s->rtt_max_ns = rtt_ns;
    if (n == sized_bytes_min(s->key))
        take_small(s);
    else
        take_large(s, (unsigned)n + s->header, fragment);
}

static bool receive_one(struct sizing *s)
{
    _Alignas(struct cmsghdr) char control[SIZING_CONTROL_BYTES];
    uint8_t packet[SIZED_BYTES_MAX + 1];
    struct iovec iov = { packet, sizeof packet };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return errno != EAGAIN && errno != EINTR && errno != ENOMEM; /* an error, told once */
    take_answer(s, packet, (size_t)n, fragment_size(&m));
    return true;
}

/* As long as the slowest answer took, twice, and a little more. */
static uint64_t patience_ns(const struct sizing *s)
{
    uint64_t ns = 2 * s->rtt_max_ns + SIZING_PATIENCE_NS_MIN;
    return ns < SIZING_PATIENCE_NS_MAX ? ns : SIZING_PATIENCE_NS_MAX;
}

static void greet(struct sizing *s, uint64_t now_ns)
{
    if (s->sent_small == SIZING_GREETINGS) {
        s->phase = SIZING_SILENT;
        return;
    }
    send_small(s);
    s->next_ns = now_ns + SIZING_GREET_NS;
}

static void try_size(struct sizing *s, uint64_t now_ns)
{
    s->tries++;
    s->sent++;
    int code = send_size(s, s->size);
    s->next_ns = now_ns + (s->tries < SIZING_TRIES ? SIZING_SPACE_NS : patience_ns(s));
    if (code == EMSGSIZE && s->size) /* the interface takes less than it says */
        give_up_size(s, &s->told);
    else
        send_small(s);
}

/* All tries are over. */
static void conclude(struct sizing *s)
{
    if (s->small) {
        s->outages = 0;
        give_up_size(s, &s->vanished);
    } else if (++s->outages == SIZING_OUTAGES) {
        s->phase = SIZING_LOST;
    } else {
        s->size = 0; /* the network was away: the same again */
    }
}

static void ask(struct sizing *s, uint64_t now_ns)
{
    if (!s->size) {
        s->size = pathmtu_next(&s->search);
        s->tries = s->small = 0;
        s->next_ns = now_ns;
        if (!s->size)
            s->phase = SIZING_FOUND;
    }
    if (s->phase != SIZING_ASKING || now_ns < s->next_ns)
        return;
    if (s->tries == SIZING_TRIES)
        conclude(s);
    else
        try_size(s, now_ns);
}

static bool is_busy(const struct sizing *s)
{
    return s->fd >= 0 && (s->phase == SIZING_GREETING || s->phase == SIZING_ASKING);
}

static void step(struct sizing *s, uint64_t now_ns)
{
    hear(s);
    while (is_busy(s) && receive_one(s))
        ;
    if (s->phase == SIZING_GREETING && now_ns >= s->next_ns)
        greet(s, now_ns);
    else if (s->phase == SIZING_ASKING)
        ask(s, now_ns);
}

static void wait_for(const struct sizing *all, unsigned count, uint64_t now_ns)
{
    struct pollfd polls[SIZING_POLL];
    unsigned n = 0;
    uint64_t due_ns = now_ns + SIZING_WAIT_NS;
    for (unsigned i = 0; i < count; i++) {
        const struct sizing *s = &all[i];
        uint64_t next_ns = s->phase == SIZING_ASKING && !s->size ? now_ns : s->next_ns;
        if (!is_busy(s))
            continue;
        if (n < SIZING_POLL)
            polls[n++] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
        due_ns = next_ns < due_ns ? next_ns : due_ns;
    }
    struct timespec t = clk_timespec(due_ns > now_ns ? due_ns - now_ns : 0);
    (void)ppoll(polls, n, &t, NULL);
}

void sizing_run(struct sizing *all, unsigned count, uint64_t until_ns,
                const volatile sig_atomic_t *stop)
{
    bool busy = true;
    for (uint64_t now_ns = clk_now_ns(); busy && now_ns < until_ns && !*stop;
         now_ns = clk_now_ns()) {
        busy = false;
        for (unsigned i = 0; i < count; i++) {
            if (is_busy(&all[i]))
                step(&all[i], now_ns);
            busy = busy || is_busy(&all[i]);
        }
        if (busy)
            wait_for(all, count, clk_now_ns());
    }
}

bool sizing_is_black_hole(const struct sizing *s)
{
    return s->phase == SIZING_FOUND && s->search.low && s->search.low < s->search.top &&
           s->vanished && !s->told && !s->fragmented;
}
