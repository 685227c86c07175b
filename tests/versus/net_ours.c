/*
 * Round trips by the fleet of net.rtt, for a comparison with other programs at the same pace.
 * Usage: net_ours HOST[:PORT] INTERVAL_US COUNT [PEERS]
 * With PEERS the sessions are with that many addresses from HOST (IPv4) on, COUNT packets each.
 * Prints one line: packets sent and answered, then for the wire's round trip and for what a process
 * waits min, p50, p99 and max in microseconds, then the share of a CPU used.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "probes/kit/clk.h"
#include "probes/kit/hist.h"
#include "probes/net/fleet.h"

static struct hist wire, felt;
static volatile sig_atomic_t stop;

static void take(void *arg, const struct session_sample *sample)
{
    (void)arg;
    hist_record(&wire, sample->rtt_ns);
    hist_record(&felt, sample->felt_ns);
}

static void print(const char *name, const struct hist *h)
{
    printf(" %s min %.1f p50 %.1f p99 %.1f max %.1f", name, (double)(h->total ? h->min : 0) / 1000,
           (double)hist_quantile(h, 0.5) / 1000, (double)hist_quantile(h, 0.99) / 1000,
           (double)h->max / 1000);
}

static int add(struct fleet *f, const union peer_sockaddr *first, unsigned count, struct err *e)
{
    for (unsigned i = 0; i < count; i++) {
        union peer_sockaddr at = *first;
        struct session_terms terms = { .ssid = (uint16_t)(i + 1),
                                       .tmax_ns = 3 * (uint64_t)CLK_NS_PER_S,
                                       .sink.sample = take };
        if (i)
            at.v4.sin_addr.s_addr = htonl(ntohl(at.v4.sin_addr.s_addr) + i);
        if (fleet_add(f, &at, &terms, e))
            return -1;
    }
    return 0;
}

static int run(const char *host, uint64_t interval_ns, uint64_t count, unsigned peers,
               struct err *e)
{
    struct peer peer;
    struct peer_addresses all;
    struct fleet f = FLEET_CLOSED;
    struct fleet_terms terms = { .room = peers, .interval_ns = interval_ns };
    uint64_t highest = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    if (hist_open(&wire, highest, e) || hist_open(&felt, highest, e) ||
        peer_parse(host, &peer, e) || peer_resolve(&peer, false, &all, e) ||
        fleet_open(&f, &terms, e) || add(&f, &all.items[0], peers, e))
        return -1;
    uint64_t cpu_ns = clk_process_cpu_ns();
    uint64_t start_ns = clk_now_ns();
    fleet_run(&f, start_ns + interval_ns * count, &stop);
    double cpu = (double)(clk_process_cpu_ns() - cpu_ns) / (double)(clk_now_ns() - start_ns);
    fleet_drain(&f, clk_now_ns() + 3 * (uint64_t)CLK_NS_PER_S, &stop);
    uint64_t sent = 0;
    uint64_t answered = 0;
    uint64_t missed = 0;
    for (unsigned i = 0; i < f.count; i++) {
        sent += f.members[i].session.counts.sent;
        answered += session_answered(&f.members[i].session);
        missed += f.members[i].counts.missed;
    }
    printf("sent %llu answered %llu missed %llu", (unsigned long long)sent,
           (unsigned long long)answered, (unsigned long long)missed);
    print("wire", &wire);
    print("felt", &felt);
    printf(" us, CPU %.1f %%\n", 100 * cpu);
    fleet_release(&f);
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    if (argc < 4) {
        fprintf(stderr, "usage: net_ours HOST[:PORT] INTERVAL_US COUNT [PEERS]\n");
        return 2;
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    uint64_t interval_ns = strtoull(argv[2], NULL, 10) * CLK_NS_PER_US;
    uint64_t count = strtoull(argv[3], NULL, 10);
    unsigned peers = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
    if (run(argv[1], interval_ns, count, peers, &e)) {
        fprintf(stderr, "net_ours: %s\n", e.msg);
        return 1;
    }
    return 0;
}
