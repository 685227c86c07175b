#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"
#include "probes/net/cohorts.h"
#include "probes/net/net.h"
#include "probes/net/sender.h"

enum {
    NET_RTT,
    NET_IPDV,
    NET_LOSS,
    NET_GAP,
    NET_OFFSET
};

static const struct metric net_rtt_metrics[] = {
    [NET_RTT] = {"net.rtt",     UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50 p99 max",
                 "Round trip to the peer without its own residence (RFC 8762, RFC 2681)."    },
    [NET_IPDV] = { "net.ipdv",   UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p99",
                 "Change of the one-way delay between neighbours, each way (RFC 3393)."      },
    [NET_LOSS] = { "net.loss",   UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                 "Share of packets without an answer within 3 s (RFC 7680)."                 },
    [NET_GAP] = { "net.gap",    UNIT_NS,    METRIC_LOWER, METRIC_MAX,  "value",
                 "Longest time without an answer while packets were sent, to one interval."  },
    [NET_OFFSET] = { "net.offset", UNIT_NS,    METRIC_LOWER, METRIC_MEAN, "",
                 "Distance of the peer's clock from ours, by each second's fastest exchange."},
    METRIC_END,
};

struct net_rtt_conf {
    const char *peer;
    uint64_t interval_ns;
};

static const struct opt net_rtt_opts[] = {
    OPT_TEXT(struct net_rtt_conf, peer, .name = "peer", .arg = "HOST[:PORT]",
             .help = "The node that runs 'plimsoll reflect'; UDP port 862 when none is given."),
    OPT_DURATION(struct net_rtt_conf, interval_ns, .name = "interval", .initial = "10ms",
                 .min = CLK_NS_PER_MS, .max = CLK_NS_PER_S,
                 .help = "Time between packets, which is also how finely a gap is seen."),
    OPT_END,
};

/* SOURCE: RFC 7680 asks for a stated limit; 3 s is above every default election timer. */
#define NET_TMAX_NS       (3 * (uint64_t)CLK_NS_PER_S)
#define NET_GREET_NS      (100 * (uint64_t)CLK_NS_PER_MS)
#define NET_REPETITION_NS ((uint64_t)CLK_NS_PER_S)

enum {
    NET_GREET_REFUSALS = 3, /* one may be a reflector that was just restarted */
    NET_GREET_PACKETS = 30, /* at most, for all addresses of a peer */
    NET_MISSED_SHARE = 20,  /* one slot in so many missed: our own stalls hide the network's */
};

struct net_rtt {
    struct sender sender;
    struct probe_run *run;
    struct cohorts cohorts;
    uint64_t fastest_ns; /* of this repetition; 0: none */
    int64_t offset_ns;   /* by that exchange */
    uint64_t best_ns;    /* of all repetitions; 0: none */
    int64_t best_offset_ns;
    uint8_t ttl; /* as our packets arrive there; 0: not known */
};

static int net_rtt_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_rtt_conf *c = conf;
    struct peer peer;
    (void)site;
    if (!c->peer || !*c->peer)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "not measured: no --peer; run 'plimsoll reflect' on the other node and add "
                       "--peer HOST");
    return peer_parse(c->peer, &peer, e);
}

static int net_rtt_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                            struct probe_cost *cost, struct err *e)
{
    const struct net_rtt_conf *c = conf;
    (void)site;
    (void)e;
    cost->packets = slot_ns / c->interval_ns + NET_GREET_PACKETS;
    cost->setup_ns = NET_GREET_NS;
    return 0;
}

/* Why no answer came, and what to do. */
static int net_rtt_silence(const struct sender *s, uint64_t waited_ns, struct err *e)
{
    char name[PEER_NAME_BYTES];
    char other[PEER_NAME_BYTES];
    unsigned port = peer_sockaddr_port(&s->peer);
    (void)peer_name(&s->peer, name);
    if (s->counts.foreign)
        return err_set(e, ERR_PEER, 0,
                       "answers to packets for %s came from %s and were ignored; name the address "
                       "that the reflector answers from",
                       name, peer_name(&s->last_foreign, other));
    if (s->counts.refused)
        return err_set(e, ERR_PEER, 0,
                       "%s refuses: no one listens at that port; run 'plimsoll reflect' there and "
                       "open UDP %u",
                       name, port);
    if (s->counts.last_errno)
        return err_set(e, ERR_PEER, s->counts.last_errno,
                       "%s cannot be reached; check the address, the route and the firewall", name);
    return err_set(e, ERR_PEER, 0,
                   "nothing answered at %s within %.0f s; is 'plimsoll reflect' running there and "
                   "UDP %u open?",
                   name, (double)waited_ns / CLK_NS_PER_S, port);
}

static uint64_t net_rtt_answers(const struct sender *s)
{
    const uint64_t *by_kind = s->session.counts.received;
    return by_kind[SESSION_SAMPLE] + by_kind[SESSION_IMPLAUSIBLE];
}

/*
 * Until the peer answers once: afterwards neighbours and routes are known to the kernels, and the
 * first round trip that counts is like the others.
 */
static int net_rtt_greet(struct probe_run *run, const union peer_sockaddr *peer, uint64_t wait_ns,
                         struct err *e)
{
    struct session_terms terms = { .ssid = 1, .interval_ns = NET_GREET_NS, .tmax_ns = NET_TMAX_NS };
    struct sender s;
    uint64_t end_ns = clk_now_ns() + wait_ns;
    if (sender_open(&s, peer, &terms, e))
        return -1;
    while (clk_now_ns() < end_ns && !*run->stopping && !net_rtt_answers(&s) &&
           s.counts.refused < NET_GREET_REFUSALS)
        sender_run(&s, clk_now_ns() + NET_GREET_NS, run->stopping, NULL);
    int failed = net_rtt_answers(&s) ? 0 : net_rtt_silence(&s, wait_ns, e);
    sender_release(&s);
    return failed;
}

/* The first address that answers; the error is that of the first. */
static int net_rtt_choose(struct probe_run *run, const struct peer_addresses *all,
                          union peer_sockaddr *peer, struct err *e)
{
    struct err first = { 0 };
    for (unsigned i = 0; i < all->count && !*run->stopping; i++) {
        *peer = all->items[i];
        if (!net_rtt_greet(run, peer, NET_TMAX_NS / all->count, e))
            return 0;
        if (i == 0)
            first = *e;
    }
    if (*run->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted before the peer answered");
    *e = first;
    return -1;
}

static void net_rtt_lost(void *arg, uint32_t sequence)
{
    struct net_rtt *n = arg;
    cohorts_lost(&n->cohorts, sequence);
}

static int net_rtt_setup(struct probe_run *run, struct err *e)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the session");
    n->sender = SENDER_CLOSED;
    n->run = run;
    struct peer peer;
    struct peer_addresses all;
    union peer_sockaddr address;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* a packet leaves when it is due, not 50 us later */
    if (peer_parse(c->peer, &peer, e) || peer_resolve(&peer, false, &all, e) ||
        net_rtt_choose(run, &all, &address, e)) {
        return -1;
    }
    struct prng prng;
    prng_init_named(&prng, run->seed, "net.rtt.ssid");
    struct session_terms terms = { .ssid = (uint16_t)(1 + prng_below(&prng, UINT16_MAX)),
                                   .interval_ns = c->interval_ns,
                                   .tmax_ns = NET_TMAX_NS,
                                   .lost = net_rtt_lost,
                                   .arg = n };
    return sender_open(&n->sender, &address, &terms, e);
}

static void net_rtt_take(void *arg, const struct session_sample *sample)
{
    struct net_rtt *n = arg;
    hist_record(&n->run->hists[NET_RTT], sample->rtt_ns);
    for (unsigned i = 0; i < sample->ipdv_count; i++)
        hist_record(&n->run->hists[NET_IPDV], sample->ipdv_ns[i]);
    if (sample->request_ttl)
        n->ttl = sample->request_ttl;
    if (!sample->offset_known)
        return;
    if (!n->fastest_ns || sample->rtt_ns < n->fastest_ns) {
        n->fastest_ns = sample->rtt_ns;
        n->offset_ns = sample->offset_ns;
    }
    if (!n->best_ns || sample->rtt_ns < n->best_ns) {
        n->best_ns = sample->rtt_ns;
        n->best_offset_ns = sample->offset_ns;
    }
}

static int net_rtt_measure(struct probe_run *run, struct err *e)
{
    struct net_rtt *n = run->state;
    struct sender_sink sink = { net_rtt_take, n };
    (void)e;
    n->fastest_ns = 0;
    cohorts_begin(&n->cohorts, n->sender.session.next, clk_now_ns());
    sender_run(&n->sender, run->until_ns, run->stopping, &sink);
    run->values[NET_GAP] = (double)session_take_gap(&n->sender.session, n->sender.left_ns);
    bool last = run->until_ns + NET_REPETITION_NS / 4 >= run->slot_end_ns;
    if (last)
        sender_drain(&n->sender, clk_now_ns() + NET_TMAX_NS, run->stopping, &sink);
    if (n->fastest_ns)
        run->values[NET_OFFSET] = fabs((double)n->offset_ns);
    return 0;
}

static void net_rtt_note_counts(const struct net_rtt *n, struct result *r)
{
    char name[PEER_NAME_BYTES];
    const struct session_counts *c = &n->sender.session.counts;
    const uint64_t *by_kind = c->received;
    result_note(r,
                "STAMP, unauthenticated, 44 octets, with %s: %" PRIu64 " sent, %" PRIu64
                " answered, %" PRIu64 " lost after 3 s (%" PRIu64 " of these came later), %u not "
                "waited for, %" PRIu64 " duplicates, %" PRIu64 " reordered.",
                peer_name(&n->sender.peer, name), c->sent, net_rtt_answers(&n->sender), c->lost,
                by_kind[SESSION_LATE], session_unsettled(&n->sender.session),
                by_kind[SESSION_DUPLICATE], c->reordered);
    uint64_t ignored = n->sender.counts.foreign + by_kind[SESSION_TRUNCATED] +
                       by_kind[SESSION_OVERSIZED] + by_kind[SESSION_FOREIGN] +
                       by_kind[SESSION_UNKNOWN];
    if (ignored) {
        result_note(r,
                    "Ignored: %" PRIu64 " packets from other addresses, %" PRIu64
                    " truncated, %" PRIu64 " too long, %" PRIu64 " of other sessions, %" PRIu64
                    " stale or forged.",
                    n->sender.counts.foreign, by_kind[SESSION_TRUNCATED],
                    by_kind[SESSION_OVERSIZED], by_kind[SESSION_FOREIGN], by_kind[SESSION_UNKNOWN]);
    }
}

static void net_rtt_note_network(const struct net_rtt *n, struct result *r)
{
    const struct sender_counts *c = &n->sender.counts;
    if (c->refused + c->icmp + c->unsent)
        result_note(r,
                    "%" PRIu64 " times the peer's port was closed, %" PRIu64
                    " other ICMP errors, %" PRIu64 " packets not taken by the kernel; the last "
                    "reason: %s.",
                    c->refused, c->icmp, c->unsent, strerrordesc_np(c->last_errno));
    if (n->ttl)
        result_note(r, "Our packets left with TTL 255 and arrived with %u.", n->ttl);
}

static void net_rtt_note_times(const struct net_rtt *n, struct result *r)
{
    const struct sender_counts *c = &n->sender.counts;
    const struct session_counts *counts = &n->sender.session.counts;
    uint64_t answers = net_rtt_answers(&n->sender);
    result_note(r,
                "Sent: the time just before the system call. Arrived: the kernel's stamp "
                "(SO_TIMESTAMPNS) for %" PRIu64 " of the packets received, else the time after "
                "it was read; this process's wake-up is not in the RTT.",
                c->stamped);
    result_note(r,
                "Open loop: packets leave at fixed times whatever the answers do; %" PRIu64
                " of %" PRIu64 " slots were missed, the latest packet left %" PRIu64 " us late.",
                c->missed, c->taken + c->missed, c->late_max_ns / CLK_NS_PER_US);
    if (n->best_ns)
        result_note(r, "The peer's clock is %.3f ms %s ours, known to %.3f ms.",
                    fabs((double)n->best_offset_ns) / CLK_NS_PER_MS,
                    n->best_offset_ns < 0 ? "behind" : "ahead of",
                    (double)n->best_ns / 2 / CLK_NS_PER_MS);
    if (counts->steps)
        result_note(r,
                    "The wall clock was stepped during %" PRIu64 " of %" PRIu64
                    " round trips: the RTT is by the monotonic clock, IPDV and offset leave them "
                    "out.",
                    counts->steps, answers);
}

/* Each repetition's loss, which is known only now, in a block of its own. */
static void net_rtt_tell_loss(struct probe_run *run)
{
    struct net_rtt *n = run->state;
    struct result_metric *loss = result_metric_find(run->result, "net.loss");
    struct err e;
    cohorts_finish(&n->cohorts, n->sender.session.oldest, n->sender.left_ns);
    for (unsigned i = 0; i < n->cohorts.count && loss; i++) {
        const struct cohort *c = &n->cohorts.items[i];
        struct result_block block = { .at_ns = c->at_ns - run->run_start_ns,
                                      .observed_ns = c->length_ns,
                                      .value = (double)c->lost / (double)c->sent,
                                      .n = c->sent };
        if (result_add_block(loss, &block, &e))
            result_note(run->result, "The loss is not told: %s.", e.msg);
    }
}

static void net_rtt_judge(struct probe_run *run)
{
    const struct net_rtt *n = run->state;
    const struct sender_counts *c = &n->sender.counts;
    const struct session_counts *counts = &n->sender.session.counts;
    net_rtt_tell_loss(run);
    net_rtt_note_counts(n, run->result);
    net_rtt_note_network(n, run->result);
    net_rtt_note_times(n, run->result);
    if (c->missed * NET_MISSED_SHARE > c->taken + c->missed)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "this host was late for %" PRIu64 " of %" PRIu64
                          " packets by more than an interval: what the network did meanwhile was "
                          "not seen",
                          c->missed, c->taken + c->missed);
    uint64_t impossible = counts->received[SESSION_IMPLAUSIBLE];
    if (impossible * NET_MISSED_SHARE > net_rtt_answers(&n->sender))
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "the peer's times cannot be for %" PRIu64 " of its %" PRIu64
                          " answers: its clock runs wild, or it is no STAMP reflector",
                          impossible, net_rtt_answers(&n->sender));
}

static void net_rtt_teardown(struct probe_run *run)
{
    struct net_rtt *n = run->state;
    if (!n)
        return;
    sender_release(&n->sender);
    free(n);
    run->state = NULL;
}

const struct probe net_rtt = {
    .name = "net.rtt",
    .title = "Round trips to another node",
    .why = "A heartbeat that is lost or late deposes a leader: 1 s in etcd and Kubernetes, 0.5 s "
           "in Nomad; every write waits for one round trip to the majority.",
    .source = "RFC 8762 (STAMP); etcd Documentation/tuning.md (heartbeat and election from the "
              "round trip); hashicorp/raft config.go (lease 500 ms)",
    .needs = PROBE_NEEDS_PEER,
    .effects = PROBE_SENDS_PACKETS,
    .weight = 8,
    .repetition_ns = NET_REPETITION_NS,
    .opts = net_rtt_opts,
    .conf_size = sizeof(struct net_rtt_conf),
    .metrics = net_rtt_metrics,
    .supported = net_rtt_supported,
    .estimate = net_rtt_estimate,
    .setup = net_rtt_setup,
    .measure = net_rtt_measure,
    .judge = net_rtt_judge,
    .teardown = net_rtt_teardown,
};
