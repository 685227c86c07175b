#include "probes/net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    DIAL_CLOSE_NS = 500 * CLK_NS_PER_MS, /* a peer that does not end within it is left */
    DIAL_DROP_BYTES = 4096,
};

void dial_release(struct dial *d)
{
    auto_close_fd(&d->fd);
    *d = DIAL_CLOSED;
}

static uint64_t kernel_rtt(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
        return 0;
    return (uint64_t)info.tcpi_rtt * CLK_NS_PER_US;
}

static void conclude(struct dial *d, int code, struct dial_outcome *out)
{
    uint64_t now_ns = clk_now_ns();
    struct icmp_report icmp = { 0 };
    bool told = code != 0 && d->fd >= 0 && icmp_take(d->fd, &icmp);
    *out = (struct dial_outcome){ .door = door_of(false, code, told ? &icmp : NULL),
                                  .code = code,
                                  .took_ns = now_ns - d->began_ns,
                                  .kernel_ns = code ? 0 : kernel_rtt(d->fd) };
    if (code) {
        dial_release(d);
        return;
    }
    (void)shutdown(d->fd, SHUT_WR);
    d->phase = DIAL_CLOSING;
    d->limit_ns = now_ns + DIAL_CLOSE_NS;
}

bool dial_begin(struct dial *d, const union peer_sockaddr *to, uint64_t timeout_ns,
                struct dial_outcome *out)
{
    dial_release(d);
    d->phase = DIAL_CONNECTING;
    d->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    d->began_ns = clk_now_ns();
    d->limit_ns = d->began_ns + timeout_ns;
    int code = d->fd < 0 ? errno : 0;
    if (!code) {
        icmp_enable(d->fd, to->any.sa_family);
        d->began_ns = clk_now_ns();
        code = connect(d->fd, &to->any, peer_sockaddr_size(to)) ? errno : 0;
    }
    if (code == EINPROGRESS)
        return false;
    conclude(d, code, out);
    return true;
}

static bool step_connecting(struct dial *d, uint64_t now_ns, struct dial_outcome *out)
{
    struct pollfd p = { .fd = d->fd, .events = POLLOUT };
    int code = 0;
    socklen_t size = sizeof code;
    int ready = poll(&p, 1, 0);
    if (ready <= 0 && now_ns < d->limit_ns)
        return false;
    if (ready <= 0)
        code = ETIMEDOUT;
    else if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &code, &size))
        code = errno;
    conclude(d, code, out);
    return true;
}

/* Drops what the peer says; at its end, or ours of patience, the socket is closed. */
static void step_closing(struct dial *d, uint64_t now_ns)
{
    char dropped[DIAL_DROP_BYTES];
    ssize_t n = recv(d->fd, dropped, sizeof dropped, 0);
    bool goes_on = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
    if (!goes_on || now_ns >= d->limit_ns)
        dial_release(d);
}

bool dial_step(struct dial *d, uint64_t now_ns, struct dial_outcome *out)
{
    if (d->phase == DIAL_CONNECTING)
        return step_connecting(d, now_ns, out);
    if (d->phase == DIAL_CLOSING)
        step_closing(d, now_ns);
    return false;
}

short dial_events(const struct dial *d)
{
    return d->phase == DIAL_CONNECTING ? POLLOUT : POLLIN;
}
