#include "probes/net/floor.h"

#include <pthread.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/fleet.h"
#include "probes/net/reflector.h"

/* An answer over the loopback that takes longer is not waited for. */
#define FLOOR_TMAX_NS ((uint64_t)CLK_NS_PER_S)

struct mirror { /* the reflector, in a thread of its own */
    struct reflector reflector;
    pthread_t thread;
    volatile sig_atomic_t stop;
};

static void *serve(void *arg)
{
    struct mirror *m = arg;
    struct err e = { 0 };
    (void)reflector_run(&m->reflector, UINT64_MAX, &m->stop, &e);
    return NULL;
}

/* Signals are the other thread's. */
static int start(struct mirror *m)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&m->thread, NULL, serve, m);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static void take(void *arg, const struct session_sample *sample)
{
    struct floor_hists *out = arg;
    hist_record(&out->rtt, sample->rtt_ns);
    hist_record(&out->felt, sample->felt_ns);
}

static int ask(const union peer_sockaddr *at, struct floor_hists *out,
               const volatile sig_atomic_t *stop, struct err *e)
{
    AUTO(fleet) struct fleet f = FLEET_CLOSED;
    struct fleet_terms fleet = { .room = 1, .interval_ns = FLOOR_EVERY_NS };
    struct session_terms terms = {
        .ssid = 1, .tmax_ns = FLOOR_TMAX_NS, .sink = {.sample = take, .arg = out}
    };
    if (fleet_open(&f, &fleet, e) || fleet_add(&f, at, &terms, e))
        return -1;
    fleet_run(&f, clk_now_ns() + FLOOR_NS, stop);
    fleet_drain(&f, clk_now_ns() + FLOOR_TMAX_NS, stop);
    return 0;
}

int floor_measure(struct floor_hists *out, const volatile sig_atomic_t *stop, struct err *e)
{
    struct mirror m = { .reflector = REFLECTOR_CLOSED };
    struct peer at = { .host = "127.0.0.1" };
    int code = 0;
    int failed = reflector_open(&m.reflector, &at, e);
    if (!failed && (code = start(&m)))
        failed = err_set(e, ERR_NO_RESOURCE, code, "start a thread for the loopback's reflector");
    if (!failed) {
        failed = ask(&m.reflector.at, out, stop, e);
        m.stop = 1;
        (void)pthread_join(m.thread, NULL);
    }
    reflector_release(&m.reflector);
    return failed;
}
