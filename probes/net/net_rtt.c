#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"
#include "probes/net/fleet.h"
#include "probes/net/floor.h"
#include "probes/net/greet.h"
#include "probes/net/net.h"
#include "probes/net/rtt_figures.h"
#include "probes/net/rtt_notes.h"
#include "probes/net/rtt_peer.h"
#include "probes/net/secret.h"
#include "probes/net/wire.h"

struct net_rtt_conf {
    struct opt_list peers;
    uint64_t interval_ns;
    const char *key_file;
    const char *format;
    uint64_t dscp;
    uint64_t size;
    bool wire;
};

static const char *const net_rtt_formats[] = { "ntp", "ptp", NULL };

enum {
    NET_SIZE_MAX = 8972 /* UDP payload of a jumbo frame, IPv4 */
};

static const struct opt net_rtt_opts[] = {
    OPT_LIST(struct net_rtt_conf, peers, .name = "peer", .arg = "HOST[:PORT]", .max = LIMITS_PEERS,
             .help = "A node that runs 'plimsoll reflect'; UDP port 862 when none is given. May be "
                     "given again."),
    OPT_DURATION(struct net_rtt_conf, interval_ns, .name = "interval", .initial = "10ms",
                 .min = CLK_NS_PER_MS, .max = CLK_NS_PER_S,
                 .help = "Time between packets to a peer, which is also how finely a gap is seen."),
    SECRET_OPTION(struct net_rtt_conf, key_file),
    OPT_CHOICE(struct net_rtt_conf, format, .name = "format", .arg = "FORMAT",
               .choices = net_rtt_formats, .initial = "ntp", .help = "Format of our timestamps."),
    OPT_U64(struct net_rtt_conf, dscp, .name = "dscp", .max = TLV_DSCP_MAX,
            .help = "Mark packets with this DSCP and ask for it on the answers; 0 asks for "
                    "nothing."),
    OPT_U64(struct net_rtt_conf, size, .name = "size", .max = NET_SIZE_MAX,
            .help = "Octets of UDP payload, by extra padding; 0: the base packet."),
    OPT_FLAG(struct net_rtt_conf, wire, .name = "wire",
             .help = "Capture our packets on the interface too, and tell how far its times are "
                     "from ours. Needs root or CAP_NET_RAW."),
    OPT_END,
};

/* SOURCE: RFC 7680 asks for a stated limit; 3 s is above every default election timer. */
#define NET_TMAX_NS       (3 * (uint64_t)CLK_NS_PER_S)
#define NET_SETUP_NS      (100 * (uint64_t)CLK_NS_PER_MS + FLOOR_NS)
#define NET_REPETITION_NS ((uint64_t)CLK_NS_PER_S)

/*
 * Packets a second to all peers together. One thread sends, stamps and takes 60,000 at best, and a
 * node that runs a cluster has better to do: hundreds of peers are sent to less often each.
 */
#define NET_RATE_MAX UINT64_C(20000)

enum {
    NET_DETAILED = 32,   /* peers: a dozen distributions of each, every second, take 8 MB a peer */
    NET_DELAYS = 4 << 20 /* kept for PDV, of all peers together: 64 MB */
};

struct net_rtt {
    struct fleet fleet;
    struct rtt_peer *peers; /* owned, one for each part */
    unsigned count;
    struct secret secret;
    struct wire wire;
    char unwired[LIMITS_TEXT_BYTES]; /* why --wire cannot be; "" */
    struct floor_hists floor;
    bool floor_told;
    char unfloored[LIMITS_TEXT_BYTES]; /* why the floor is not known; "" */
};

static int net_rtt_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_rtt_conf *c = conf;
    struct peer peer;
    (void)site;
    if (secret_check(c->key_file, e))
        return -1;
    if (c->peers.count == 0 || !*c->peers.items[0])
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "not measured: no --peer; run 'plimsoll reflect' on the other node and add "
                       "--peer HOST");
    for (unsigned i = 0; i < c->peers.count; i++) {
        if (peer_parse(c->peers.items[i], &peer, e))
            return -1;
    }
    return 0;
}

/* Between packets to a peer: what was asked for, longer for many peers. */
static uint64_t net_rtt_interval(const struct net_rtt_conf *c)
{
    uint64_t least_ns = c->peers.count * (CLK_NS_PER_S / NET_RATE_MAX);
    return c->interval_ns > least_ns ? c->interval_ns : least_ns;
}

static int net_rtt_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                            struct probe_cost *cost, struct err *e)
{
    const struct net_rtt_conf *c = conf;
    (void)site;
    (void)e;
    cost->packets = c->peers.count * (slot_ns / net_rtt_interval(c) + GREET_PACKETS);
    cost->setup_ns = NET_SETUP_NS;
    return 0;
}

static struct tlv_wish net_rtt_wish(const struct net_rtt_conf *c)
{
    return (struct tlv_wish){ .marks = c->dscp != 0, .dscp = (uint8_t)c->dscp, .size = c->size };
}

static uint8_t net_rtt_tos(const struct net_rtt_conf *c)
{
    return (uint8_t)(c->dscp << 2);
}

/* Names to addresses to the one that answers; what fails for one peer alone is in its own error. */
static int net_rtt_greet(struct probe_run *run, struct greet_peer *peers, struct err *e)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = run->state;
    struct greet_terms terms = { .wish = net_rtt_wish(c),
                                 .key = secret_key(&n->secret),
                                 .ptp = strcmp(c->format, "ptp") == 0,
                                 .wait_ns = NET_TMAX_NS,
                                 .tos = net_rtt_tos(c) };
    for (unsigned i = 0; i < n->count && !*run->stopping; i++) {
        struct peer peer;
        if (peer_parse(c->peers.items[i], &peer, &peers[i].e) ||
            peer_resolve(&peer, false, &peers[i].all, &peers[i].e))
            peers[i].all.count = 0;
    }
    return greet_all(peers, n->count, &terms, run->stopping, e);
}

static int net_rtt_add(struct probe_run *run, unsigned i, const struct greet_peer *greeted,
                       uint16_t first_ssid, struct err *e)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = run->state;
    struct rtt_peer *p = &n->peers[i];
    struct session_terms terms = { .ssid = (uint16_t)(1 + (first_ssid + i) % UINT16_MAX),
                                   .tmax_ns = NET_TMAX_NS,
                                   .ptp = strcmp(c->format, "ptp") == 0,
                                   .stateful = greeted->stateful,
                                   .sink = rtt_peer_sink(p) };
    uint64_t delays = run->slot_ns / net_rtt_interval(c) * 2 + 1024;
    uint64_t most = NET_DELAYS / n->count;
    if ((!p->brief && spread_open(&p->spread, delays < most ? delays : most, e)) ||
        fleet_add(&n->fleet, &greeted->at, &terms, e))
        return -1;
    p->member = (int)n->fleet.count - 1;
    return 0;
}

/* Sessions with all that answer; the first error when none does. */
static int net_rtt_enlist(struct probe_run *run, const struct greet_peer *greeted, struct err *e)
{
    struct net_rtt *n = run->state;
    struct prng prng;
    prng_init_named(&prng, run->seed, "net.rtt.ssid");
    uint16_t first_ssid = (uint16_t)prng_below(&prng, UINT16_MAX);
    for (unsigned i = 0; i < n->count; i++) {
        if (greeted[i].answered ? net_rtt_add(run, i, &greeted[i], first_ssid, e) : 0)
            return -1;
        if (!greeted[i].answered)
            result_set_status(run->parts[i].result, STATUS_FAILED, "%s", greeted[i].e.msg);
    }
    if (n->fleet.count)
        return 0;
    *e = greeted[0].e;
    return -1;
}

static void net_rtt_sent(void *arg, unsigned member, int64_t diff_ns)
{
    const struct net_rtt *n = arg;
    rtt_peer_wire(n->fleet.members[member].session.terms.sink.arg, true, diff_ns);
}

static void net_rtt_received(void *arg, unsigned member, int64_t diff_ns)
{
    const struct net_rtt *n = arg;
    rtt_peer_wire(n->fleet.members[member].session.terms.sink.arg, false, diff_ns);
}

/* What helps to believe the figures, and whose lack does not spoil them. */
static void net_rtt_confirm(struct probe_run *run)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = run->state;
    struct wire_sink sink = { net_rtt_sent, net_rtt_received, n };
    struct err e = { 0 };
    if (floor_measure(&n->floor, run->stopping, &e))
        (void)snprintf(n->unfloored, sizeof n->unfloored, "%s", e.msg);
    if (c->wire && wire_open(&n->wire, &n->fleet, &sink, &e))
        (void)snprintf(n->unwired, sizeof n->unwired, "%s", e.msg);
}

static int net_rtt_open(struct probe_run *run, struct err *e)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = run->state;
    uint64_t highest = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    struct fleet_terms fleet = { .room = n->count,
                                 .interval_ns = net_rtt_interval(c),
                                 .wish = net_rtt_wish(c),
                                 .tos = net_rtt_tos(c) };
    if (secret_open(&n->secret, c->key_file, e))
        return -1;
    fleet.key = secret_key(&n->secret);
    if (hist_open(&n->floor.rtt, highest, e) || hist_open(&n->floor.felt, highest, e))
        return -1;
    return fleet_open(&n->fleet, &fleet, e);
}

static int net_rtt_prepare(struct probe_run *run, struct err *e)
{
    struct net_rtt *n = run->state;
    struct greet_peer *greeted = calloc(n->count, sizeof *greeted);
    n->peers = calloc(n->count, sizeof *n->peers);
    if (!greeted || !n->peers) {
        free(greeted);
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u peers", n->count);
    }
    for (unsigned i = 0; i < n->count; i++) {
        n->peers[i].run = run;
        n->peers[i].part = i;
        n->peers[i].member = ROSTER_NONE;
        n->peers[i].brief = n->count > NET_DETAILED;
    }
    int failed = net_rtt_greet(run, greeted, e) || net_rtt_enlist(run, greeted, e);
    free(greeted);
    return failed ? -1 : 0;
}

static int net_rtt_setup(struct probe_run *run, struct err *e)
{
    const struct net_rtt_conf *c = run->conf;
    struct net_rtt *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the sessions");
    n->fleet = FLEET_CLOSED;
    n->count = c->peers.count;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* a packet leaves when it is due, not 50 us later */
    if (run->split(run, c->peers.items, n->count, e) || net_rtt_open(run, e) ||
        net_rtt_prepare(run, e))
        return -1;
    net_rtt_confirm(run);
    return 0;
}

static struct fleet_member *net_rtt_member(const struct net_rtt *n, const struct rtt_peer *p)
{
    return p->member == ROSTER_NONE ? NULL : &n->fleet.members[p->member];
}

/* The floor is a histogram of each peer's result: in the first repetition. */
static void net_rtt_tell_floor(struct net_rtt *n, struct probe_run *run)
{
    for (unsigned i = 0; i < n->count && !n->floor_told; i++) {
        if (n->peers[i].member != ROSTER_NONE && !n->peers[i].brief && n->floor.rtt.total)
            hist_merge(&run->parts[i].hists[RTT_FLOOR], &n->floor.rtt);
    }
    n->floor_told = true;
}

static int net_rtt_measure(struct probe_run *run, struct err *e)
{
    struct net_rtt *n = run->state;
    uint64_t now_ns = clk_now_ns();
    (void)e;
    net_rtt_tell_floor(n, run);
    for (unsigned i = 0; i < n->count; i++) {
        const struct fleet_member *m = net_rtt_member(n, &n->peers[i]);
        if (m)
            rtt_peer_begin(&n->peers[i], &m->session, now_ns);
    }
    fleet_run(&n->fleet, run->until_ns, run->stopping);
    for (unsigned i = 0; i < n->count; i++) {
        struct fleet_member *m = net_rtt_member(n, &n->peers[i]);
        if (m)
            rtt_peer_end(&n->peers[i], &m->session, n->fleet.left_ns);
    }
    if (run->until_ns + NET_REPETITION_NS / 4 < run->slot_end_ns)
        return 0;
    fleet_drain(&n->fleet, clk_now_ns() + NET_TMAX_NS, run->stopping);
    if (n->wire.handle)
        wire_finish(&n->wire, run->stopping);
    return 0;
}

static void net_rtt_note_floor(const struct net_rtt *n, struct result *r)
{
    if (n->floor.rtt.total) {
        result_note(r,
                    "Our own floor: over this host's loopback the round trip is %.1f us and a "
                    "process waits %.1f us (p50 of %" PRIu64 "); nothing shorter can be told.",
                    (double)hist_quantile(&n->floor.rtt, 0.5) / CLK_NS_PER_US,
                    (double)hist_quantile(&n->floor.felt, 0.5) / CLK_NS_PER_US, n->floor.rtt.total);
    } else if (*n->unfloored) {
        result_note(r, "Our own floor is not known: %.400s.", n->unfloored);
    }
}

static void net_rtt_note_wire(const struct net_rtt *n, struct result *r)
{
    const struct wire_counts *c = &n->wire.counts;
    if (n->wire.handle)
        result_note(r,
                    "Captured on %s by libpcap: %" PRIu64 " packets of ours, %" PRIu64
                    " whose time the kernel had not told us, %" PRIu64 " missed by the capture.",
                    n->wire.interface, c->seen, c->unmatched, c->dropped);
    else if (*n->unwired)
        result_note(r, "Not confirmed on the wire: %.400s.", n->unwired);
}

static void net_rtt_note_interval(const struct net_rtt *n, const struct net_rtt_conf *c,
                                  struct result *r)
{
    uint64_t interval_ns = net_rtt_interval(c);
    if (interval_ns > c->interval_ns) {
        result_note(
            r,
            "To each of %u peers a packet left every %.1f ms and not every %.1f ms: %" PRIu64
            " a second is the most to all together.",
            n->count, (double)interval_ns / CLK_NS_PER_MS, (double)c->interval_ns / CLK_NS_PER_MS,
            NET_RATE_MAX);
    }
}

static void net_rtt_judge(struct probe_run *run)
{
    struct net_rtt *n = run->state;
    for (unsigned i = 0; i < n->count; i++) {
        struct rtt_peer *p = &n->peers[i];
        const struct fleet_member *m = net_rtt_member(n, p);
        struct result *r = run->parts[i].result;
        if (!m)
            continue;
        rtt_peer_conclude(p, &m->session, n->fleet.left_ns);
        rtt_notes_write(p, &n->fleet, m, r);
        net_rtt_note_interval(n, run->conf, r);
        net_rtt_note_floor(n, r);
        net_rtt_note_wire(n, r);
    }
}

static void net_rtt_teardown(struct probe_run *run)
{
    struct net_rtt *n = run->state;
    if (!n)
        return;
    wire_release(&n->wire);
    fleet_release(&n->fleet);
    for (unsigned i = 0; i < n->count && n->peers; i++)
        spread_release(&n->peers[i].spread);
    free(n->peers);
    hist_release(&n->floor.rtt);
    hist_release(&n->floor.felt);
    secret_release(&n->secret);
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
    .metrics = rtt_figures,
    .supported = net_rtt_supported,
    .estimate = net_rtt_estimate,
    .setup = net_rtt_setup,
    .measure = net_rtt_measure,
    .judge = net_rtt_judge,
    .teardown = net_rtt_teardown,
};
