#include "probes/net/strain.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/pace.h"
#include "probes/net/arrival.h"
#include "probes/net/icmp.h"
#include "probes/net/sized.h"
#include "probes/net/sync.h"

enum {
    STRAIN_BATCH_NS = CLK_NS_PER_MS, /* the stream goes out in bursts of so long */
    STRAIN_BATCH_MAX = 64,           /* packets of one burst, when this process was late */
    STRAIN_ROOM_BYTES = 1 << 20,
    STRAIN_TAKE = 128, /* answers at a look */
    STRAIN_RTT_MAX_S = 10,
};

static int open_socket(const union peer_sockaddr *peer, struct err *e)
{
    static const int room = STRAIN_ROOM_BYTES;
    char name[PEER_NAME_BYTES];
    int fd = socket(peer->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open a UDP socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    arrival_enable(fd, peer->any.sa_family);
    if (connect(fd, &peer->any, peer_sockaddr_size(peer)) == 0)
        return fd;
    int code = errno;
    auto_close_fd(&fd);
    return err_set(e, ERR_PEER, code, "%s cannot be reached; check the address and the route",
                   peer_name(peer, name));
}

int strain_open(struct strain *s, const union peer_sockaddr *peer, const struct strain_terms *terms,
                uint64_t budget_bytes, struct err *e)
{
    memset(s, 0, sizeof *s);
    s->small_fd = s->large_fd = -1;
    s->peer = *peer;
    s->terms = *terms;
    s->error_estimate = sync_error_estimate();
    s->large_left = budget_bytes / STRAIN_BYTES;
    s->small_fd = open_socket(peer, e);
    if (s->small_fd < 0)
        return -1;
    s->large_fd = open_socket(peer, e);
    return s->large_fd < 0 ? -1 : 0;
}

void strain_release(struct strain *s)
{
    auto_close_fd(&s->small_fd);
    auto_close_fd(&s->large_fd);
    s->small_fd = s->large_fd = -1;
}

bool strain_is_spent(const struct strain *s)
{
    return s->large_left == 0;
}

static int send_packet(struct strain *s, int fd, size_t size, uint32_t sequence)
{
    uint8_t packet[STRAIN_BYTES];
    struct sized_request r = { .size = size,
                               .sequence = sequence,
                               .ssid = s->terms.ssid,
                               .error_estimate = s->error_estimate,
                               .sent_ns = clk_realtime_ns(),
                               .key = s->terms.key };
    sized_put(packet, &r);
    ssize_t n = send(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS) { /* an earlier packet's error, told once */
        s->last_errno = errno;
        n = send(fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return n < 0 ? -1 : 0;
}

static void send_small(struct strain *s)
{
    if (s->next - s->first >= STRAIN_SMALLS_MAX)
        return;
    (void)send_packet(s, s->small_fd, sized_bytes_min(s->terms.key), s->next++);
    s->counts.small++;
}

/* What is due of the stream by now. */
static void send_large(struct strain *s, uint64_t since_ns)
{
    double due = (double)since_ns / CLK_NS_PER_S * (double)s->terms.bytes_per_s / STRAIN_BYTES;
    uint64_t done = s->counts.large + s->counts.unsent;
    for (int i = 0; i < STRAIN_BATCH_MAX && (double)done < due && s->large_left; i++, done++) {
        if (send_packet(s, s->large_fd, STRAIN_BYTES, s->large_next++)) {
            s->counts.unsent++;
            continue;
        }
        s->counts.large++;
        s->large_left--;
    }
}

/* The answers at one socket; the first octets of each are enough. */
static ssize_t receive(int fd, uint8_t *packet, uint64_t *arrived_ns)
{
    _Alignas(struct cmsghdr) char control[ARRIVAL_CONTROL_BYTES];
    struct iovec iov = { packet, SIZED_KEYED_MIN };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    struct arrival a;
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0)
        return n;
    arrival_read(&m, &a);
    *arrived_ns = a.real_ns ? a.real_ns : clk_realtime_ns();
    return n;
}

static void take_small(struct strain *s, const uint8_t *packet, uint64_t arrived_ns,
                       struct hist *rtt)
{
    struct sized_answer a;
    size_t size = sized_bytes_min(s->terms.key);
    if (sized_get(packet, size, s->terms.key, s->terms.ssid, arrived_ns, &a))
        return;
    uint32_t at = a.sequence - s->first;
    if (a.sequence - s->first >= s->next - s->first || s->seen[at])
        return; /* of an earlier phase, or twice */
    s->seen[at] = true;
    s->counts.small_answered++;
    uint64_t took_ns = arrived_ns > a.sent_ns ? arrived_ns - a.sent_ns : 0;
    took_ns = took_ns > a.residence_ns ? took_ns - a.residence_ns : took_ns;
    if (rtt && took_ns && took_ns < STRAIN_RTT_MAX_S * (uint64_t)CLK_NS_PER_S)
        hist_record(rtt, took_ns);
}

static void take(struct strain *s, struct hist *rtt)
{
    uint8_t packet[SIZED_KEYED_MIN];
    uint64_t arrived_ns = 0;
    for (int i = 0; i < STRAIN_TAKE; i++) {
        ssize_t n = receive(s->small_fd, packet, &arrived_ns);
        if (n == (ssize_t)sized_bytes_min(s->terms.key))
            take_small(s, packet, arrived_ns, rtt);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
            s->last_errno = errno;
        if (n < 0)
            break;
    }
    for (int i = 0; i < STRAIN_TAKE; i++) {
        ssize_t n = receive(s->large_fd, packet, &arrived_ns);
        if (n < 0)
            break;
        s->counts.large_answered += n == STRAIN_BYTES;
    }
}

static void wait_until(const struct strain *s, uint64_t due_ns)
{
    struct pollfd polls[] = {
        {.fd = s->small_fd,  .events = POLLIN},
        { .fd = s->large_fd, .events = POLLIN},
    };
    uint64_t now_ns = clk_now_ns();
    struct timespec t = clk_timespec(due_ns > now_ns ? due_ns - now_ns : 0);
    (void)ppoll(polls, 2, &t, NULL);
}

static void send_for(struct strain *s, const struct strain_phase *phase)
{
    struct pace pace;
    uint64_t began_ns = clk_now_ns();
    uint64_t end_ns = began_ns + phase->send_ns;
    pace_init(&pace, began_ns, s->terms.interval_ns);
    for (uint64_t now_ns = began_ns; now_ns < end_ns && !*phase->stop; now_ns = clk_now_ns()) {
        if (now_ns >= pace_due_ns(&pace)) {
            (void)pace_take(&pace, now_ns);
            send_small(s);
        }
        if (phase->loaded)
            send_large(s, now_ns - began_ns);
        take(s, phase->rtt);
        uint64_t due_ns = pace_due_ns(&pace);
        uint64_t batch_ns = now_ns + STRAIN_BATCH_NS;
        due_ns = phase->loaded && batch_ns < due_ns ? batch_ns : due_ns;
        wait_until(s, due_ns < end_ns ? due_ns : end_ns);
    }
}

void strain_run(struct strain *s, const struct strain_phase *phase)
{
    s->first = s->next;
    s->counts = (struct strain_counts){ 0 };
    memset(s->seen, 0, sizeof s->seen);
    send_for(s, phase);
    uint64_t end_ns = clk_now_ns() + phase->drain_ns;
    take(s, phase->rtt);
    s->counts.large_in_time = s->counts.large_answered;
    while ((s->counts.small_answered < s->counts.small ||
            s->counts.large_answered < s->counts.large) &&
           clk_now_ns() < end_ns && !*phase->stop) {
        wait_until(s, end_ns);
        take(s, phase->rtt);
    }
}
