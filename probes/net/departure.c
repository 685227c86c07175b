#include "probes/net/departure.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#include "probes/kit/clk.h"
#include "probes/net/arrival.h"

enum {
    DEPARTURE_EVERY_NS = 100 * CLK_NS_PER_MS, /* each costs a system call and a wake-up */
    DEPARTURE_QUEUE_MAX = 64,                 /* messages at one go: somebody else may fill it */
    DEPARTURE_STRIDE = 3, /* not a divisor of a batch, so that all places come up */
};

/* Later than this it is not that answer's stamp, or the clock was stepped. */
static const uint64_t latest_ns = CLK_NS_PER_S;

int departure_open(struct departure *d, int fd, struct err *e)
{
    static const unsigned flags =
        SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
    static const int off = 0;
    if (!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags))
        (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof off); /* once is enough */
    return hist_open(&d->took_ns, latest_ns, e);
}

void departure_release(struct departure *d)
{
    hist_release(&d->took_ns);
}

bool departure_is_due(const struct departure *d, uint64_t now_ns)
{
    return now_ns >= d->next_ns;
}

unsigned departure_pick(struct departure *d, unsigned count)
{
    d->turn += DEPARTURE_STRIDE;
    return d->turn % count;
}

void departure_ask(struct departure *d, uint64_t t3_ns, uint64_t now_ns)
{
    d->t3_ns = t3_ns;
    d->next_ns = now_ns + DEPARTURE_EVERY_NS;
}

void departure_note(struct departure *d, uint64_t left_ns)
{
    if (d->t3_ns == 0 || left_ns < d->t3_ns || left_ns - d->t3_ns > latest_ns)
        return;
    hist_record(&d->took_ns, left_ns - d->t3_ns);
    d->t3_ns = 0;
}

void departure_collect(struct departure *d, int fd)
{
    for (int i = 0; i < DEPARTURE_QUEUE_MAX; i++) {
        _Alignas(struct cmsghdr) char control[ARRIVAL_CONTROL_BYTES];
        struct msghdr m = { .msg_control = control, .msg_controllen = sizeof control };
        struct arrival a;
        if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        arrival_read(&m, &a);
        if (a.real_ns)
            departure_note(d, a.real_ns);
    }
}
