#include <inttypes.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"
#include "probes/net/net.h"
#include "probes/net/secret.h"
#include "probes/net/sized.h"
#include "probes/net/sizing.h"
#include "probes/net/targets.h"

enum {
    NET_MTU,
    NET_MTU_SHORT
};

static const struct metric net_mtu_metrics[] = {
    [NET_MTU] = {"net.mtu",        UNIT_COUNT, METRIC_HIGHER, METRIC_MEAN, "value",
                 "Octets of the largest packet that goes to the peer and back whole (RFC 1191)."},
    [NET_MTU_SHORT] = { "net.mtu.short", UNIT_COUNT, METRIC_LOWER,  METRIC_MEAN, "value",
                 "Octets by which the path carries less than the interface says."               },
    METRIC_END,
};

static bool net_mtu_word(unsigned index, struct fact_word *word)
{
    static const struct fact_word words[] = {
        {"yes", "Larger packets vanish, and no router says so.",
         "Small packets came back beside the large ones that did not, each size was tried five "
          "times and the limit twice, and no ICMP message came.",                       "RFC 1191 4, RFC 2923 2.1"},
        { "no", "All sizes of the interface pass, or routers say what does not.", NULL, NULL                      },
    };
    if (index >= sizeof words / sizeof words[0])
        return false;
    *word = words[index];
    return true;
}

static bool net_mtu_whole(unsigned index, struct fact_word *word)
{
    static const struct fact_word words[] = {
        {.word = "yes", .what = "A packet of the interface's MTU goes there and back whole."},
        { .word = "no", .what = "The path to a peer, or the way back, carries less."        },
    };
    if (index >= sizeof words / sizeof words[0])
        return false;
    *word = words[index];
    return true;
}

/* Of the peer with the smallest path. */
enum {
    NET_MTU_INTERFACE,
    NET_MTU_HOLE,
    NET_MTU_WHOLE,
    NET_MTU_TUNNELS, /* the first of them */
};

/* clang-format off */
static const struct fact_row net_mtu_facts[] = {
    [NET_MTU_INTERFACE] = {
        .name = "net.mtu.interface", .kind = FACT_NUMBER, .unit = UNIT_COUNT,
        .what = "The MTU of the interface towards the peer." },
    [NET_MTU_HOLE] = {
        .name = "net.mtu.blackhole", .kind = FACT_TEXT,
        .what = "Whether large packets vanish without a word.", .word = net_mtu_word },
    [NET_MTU_WHOLE] = {
        .name = "net.mtu.whole", .kind = FACT_TEXT,
        .what = "Whether each path carries what its interface says.", .word = net_mtu_whole },
    [NET_MTU_TUNNELS] = {
        .name = "net.mtu.vxlan", .kind = FACT_NUMBER, .unit = UNIT_COUNT,
        .what = "What VXLAN leaves of it: 50 octets less over IPv4, 70 over IPv6." },
    {
        .name = "net.mtu.wireguard", .kind = FACT_NUMBER, .unit = UNIT_COUNT,
        .what = "What WireGuard leaves of it: 60 octets less over IPv4, 80 over IPv6." },
    {
        .name = "net.mtu.ipip", .kind = FACT_NUMBER, .unit = UNIT_COUNT,
        .what = "What IP in IP leaves of it: 20 octets less over IPv4, 40 over IPv6." },
    FACT_END,
};

/* clang-format on */

/* Octets that a tunnel puts around a packet, by the family of the outer one. */
static const struct {
    unsigned v4, v6;
    const char *why; /* SOURCE of the sum */
} net_mtu_tunnels[] = {
    {50,  70, "outer IP 20 or 40, UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348 5)"                     },
    { 60, 80,
     "outer IP 20 or 40, UDP 8, WireGuard's header 16 and tag 16 (WireGuard mailing list, 2017-12-11)"},
    { 20, 40, "outer IP 20 (RFC 2003 3.1) or 40 (RFC 2473 3)"                                         },
};

struct net_mtu_conf {
    struct opt_list peers;
    const char *key_file;
};

static const struct opt net_mtu_opts[] = {
    OPT_LIST(struct net_mtu_conf, peers, .name = "peer", .arg = "HOST[:PORT]", .max = LIMITS_PEERS,
             .help = "The nodes that run 'plimsoll reflect'; UDP port 862 when none is given."),
    SECRET_OPTION(struct net_mtu_conf, key_file),
    OPT_END,
};

enum {
    NET_MTU_AT_ONCE = 64 /* peers; a socket each */
};

struct net_mtu {
    struct targets targets;
    struct secret secret;
    struct sizing *paths; /* owned; of each target */
};

static int net_mtu_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_mtu_conf *c = conf;
    (void)site;
    if (secret_check(c->key_file, e))
        return -1;
    return targets_check(&c->peers,
                         "not measured: no --peer; run 'plimsoll reflect' on the other node and "
                         "add --peer HOST",
                         e);
}

static int net_mtu_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                            struct probe_cost *cost, struct err *e)
{
    const struct net_mtu_conf *c = conf;
    (void)site;
    (void)slot_ns;
    (void)e;
    cost->packets = (uint64_t)c->peers.count * SIZING_PACKETS_MAX;
    return 0;
}

/* The part is told when it cannot even be tried. */
static void net_mtu_open(struct probe_run *run, struct net_mtu *n, unsigned i)
{
    struct err e = { 0 };
    struct prng prng;
    struct target *t = &n->targets.items[i];
    struct sizing *s = &n->paths[i];
    const struct auth_key *key = secret_key(&n->secret);
    prng_init_named(&prng, run->seed + i, "net.mtu.ssid");
    uint16_t ssid = (uint16_t)(1 + prng_below(&prng, UINT16_MAX));
    int failed = sizing_open(s, targets_address(t), key, ssid, &e);
    while (failed && targets_another(t)) {
        sizing_release(s);
        failed = sizing_open(s, targets_address(t), key, ssid, &e);
    }
    if (failed) {
        sizing_release(s);
        result_set_status(run->parts[i].result, STATUS_FAILED, "%s", e.msg);
    }
}

static int net_mtu_setup(struct probe_run *run, struct err *e)
{
    const struct net_mtu_conf *c = run->conf;
    struct net_mtu *n = run->state = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the list of peers");
    if (secret_open(&n->secret, c->key_file, e) || targets_open(&n->targets, run, &c->peers, e))
        return -1;
    n->paths = calloc(n->targets.count, sizeof *n->paths);
    if (!n->paths)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the paths to %u peers",
                       n->targets.count);
    for (unsigned i = 0; i < n->targets.count; i++)
        n->paths[i].fd = -1;
    return 0;
}

static bool net_mtu_answered(const struct sizing *s)
{
    return s->phase == SIZING_FOUND || s->answered_small > 0;
}

/* Those of a batch that did not answer, at their next address; how many there are. */
static unsigned net_mtu_elsewhere(struct probe_run *run, struct net_mtu *n, unsigned from,
                                  unsigned count)
{
    unsigned tried = 0;
    for (unsigned i = from; i < from + count; i++) {
        struct sizing *s = &n->paths[i];
        if (s->fd >= 0 && !net_mtu_answered(s) && targets_another(&n->targets.items[i])) {
            sizing_release(s);
            net_mtu_open(run, n, i);
            tried += s->fd >= 0;
        }
    }
    return tried;
}

static void net_mtu_batch(struct probe_run *run, unsigned from, unsigned count, uint64_t until_ns)
{
    struct net_mtu *n = run->state;
    for (unsigned i = from; i < from + count; i++) {
        if (n->targets.items[i].resolved)
            net_mtu_open(run, n, i);
    }
    do {
        sizing_run(&n->paths[from], count, until_ns, run->stopping);
    } while (clk_now_ns() < until_ns && !*run->stopping &&
             net_mtu_elsewhere(run, n, from, count) > 0);
    for (unsigned i = from; i < from + count; i++)
        sizing_release(&n->paths[i]);
}

static int net_mtu_measure(struct probe_run *run, struct err *e)
{
    struct net_mtu *n = run->state;
    unsigned count = n->targets.count;
    (void)e;
    for (unsigned i = 0; i < count && !*run->stopping; i += NET_MTU_AT_ONCE) {
        unsigned some = count - i < NET_MTU_AT_ONCE ? count - i : NET_MTU_AT_ONCE;
        unsigned batches = (count - i + NET_MTU_AT_ONCE - 1) / NET_MTU_AT_ONCE;
        uint64_t now_ns = clk_now_ns();
        uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
        net_mtu_batch(run, i, some, now_ns + left_ns / batches);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct sizing *s = &n->paths[i];
        if (!s->search.low)
            continue;
        run->parts[i].values[NET_MTU] = s->search.low;
        run->parts[i].values[NET_MTU_SHORT] = s->search.top - s->search.low;
    }
    return 0;
}

static void net_mtu_fail(const struct sizing *s, struct result *r)
{
    char name[PEER_NAME_BYTES];
    unsigned port = peer_sockaddr_port(&s->peer);
    (void)peer_name(&s->peer, name);
    if (s->phase == SIZING_REFUSED) {
        result_set_status(r, STATUS_FAILED,
                          "%s refuses: no one listens at that port; run 'plimsoll reflect' there "
                          "and open UDP %u",
                          name, port);
    } else if (!s->answered_small) {
        result_set_status(
            r, STATUS_FAILED,
            "nothing answered at %s; is 'plimsoll reflect' running there, UDP %u open "
            "and --key-file the same?",
            name, port);
    } else if (s->phase == SIZING_LOST) {
        result_set_status(r, STATUS_UNTRUSTED,
                          "%s stopped answering packets of any size: the limit was not found",
                          name);
    } else if (s->phase != SIZING_FOUND) {
        result_set_status(r, STATUS_UNTRUSTED,
                          "its time was over with the limit between %u and %u octets; give a "
                          "longer --budget",
                          s->search.low, s->search.high);
    } else if (!s->search.low) {
        result_set_status(r, STATUS_FAILED,
                          "packets of %u octets, which every path must carry, do not come back "
                          "from %s, though those of %d do",
                          s->search.floor, name, (int)(s->header + sized_bytes_min(s->key)));
    }
}

static void net_mtu_note_limit(const struct sizing *s, struct result *r)
{
    char router[PEER_NAME_BYTES];
    if (s->told && s->told_mtu && s->told_by.any.sa_family != AF_UNSPEC)
        result_note(r, "%s says by ICMP that the next hop carries %" PRIu32 " octets.",
                    peer_name(&s->told_by, router), s->told_mtu);
    else if (s->told)
        result_note(r, "Larger packets were refused by ICMP, or by this host.");
    if (s->fragmented)
        result_note(r,
                    "%u answers came back in pieces of at most %u octets: the way back carries "
                    "less than the way there.",
                    s->fragmented, s->fragment_bytes);
    if (sizing_is_black_hole(s))
        result_note(r,
                    "A black hole: packets above %u octets vanish, and no router says so by ICMP. "
                    "TCP connections then stall at their first full packet.",
                    s->search.low);
}

static void net_mtu_note(const struct sizing *s, struct result *r)
{
    char name[PEER_NAME_BYTES];
    if (!s->search.low)
        return;
    result_note(r,
                "By %s, MTU %u: %u octets went to %s and back whole%s; %" PRIu64
                " packets with DF sent, %" PRIu64 " came back, %" PRIu64 " of %" PRIu64
                " small ones beside them.",
                s->egress.name, s->egress.mtu, s->search.low, peer_name(&s->peer, name),
                s->search.low == s->search.top && s->search.top < s->egress.mtu
                    ? ", and larger ones were not tried"
                    : "",
                s->sent, s->answered, s->answered_small, s->sent_small);
    net_mtu_note_limit(s, r);
    if (s->search.doubts)
        result_note(r, "%u times a size came back that had not before: packets are lost.",
                    s->search.doubts);
}

/* The peer with the smallest path, since an overlay has one MTU; NULL when none was found. */
static const struct sizing *net_mtu_worst(const struct net_mtu *n)
{
    const struct sizing *worst = NULL;
    for (unsigned i = 0; i < n->targets.count; i++) {
        const struct sizing *s = &n->paths[i];
        bool found = s->phase == SIZING_FOUND && s->search.low;
        if (found && (!worst || s->search.low < worst->search.low))
            worst = s;
    }
    return worst;
}

static void net_mtu_state(const struct net_mtu *n, struct facts *f)
{
    const struct sizing *worst = net_mtu_worst(n);
    bool hole = false;
    bool whole = true;
    if (!worst)
        return;
    for (unsigned i = 0; i < n->targets.count; i++) {
        const struct sizing *s = &n->paths[i];
        hole = hole || sizing_is_black_hole(s);
        whole = whole && (s->search.low == s->search.top || s->phase != SIZING_FOUND);
    }
    (void)facts_set_number(f, net_mtu_facts[NET_MTU_INTERFACE].name, worst->egress.mtu, UNIT_COUNT,
                           worst->egress.name);
    (void)facts_set_text(f, net_mtu_facts[NET_MTU_HOLE].name, hole ? "yes" : "no", NULL);
    (void)facts_set_text(f, net_mtu_facts[NET_MTU_WHOLE].name, whole ? "yes" : "no", NULL);
    bool v6 = worst->peer.any.sa_family == AF_INET6;
    for (size_t i = 0; i < sizeof net_mtu_tunnels / sizeof net_mtu_tunnels[0]; i++) {
        unsigned around = v6 ? net_mtu_tunnels[i].v6 : net_mtu_tunnels[i].v4;
        unsigned left = worst->search.low > around ? worst->search.low - around : 0;
        (void)facts_set_number(f, net_mtu_facts[NET_MTU_TUNNELS + i].name, left, UNIT_COUNT,
                               net_mtu_tunnels[i].why);
    }
}

static void net_mtu_judge(struct probe_run *run)
{
    const struct net_mtu *n = run->state;
    for (unsigned i = 0; i < n->targets.count; i++) {
        struct result *r = run->parts[i].result;
        if (r->status == STATUS_FAILED)
            continue;
        net_mtu_fail(&n->paths[i], r);
        net_mtu_note(&n->paths[i], r);
    }
    net_mtu_state(n, &run->parts[0].result->facts);
}

static void net_mtu_teardown(struct probe_run *run)
{
    struct net_mtu *n = run->state;
    if (!n)
        return;
    for (unsigned i = 0; n->paths && i < n->targets.count; i++)
        sizing_release(&n->paths[i]);
    free(n->paths);
    targets_release(&n->targets);
    secret_release(&n->secret);
    free(n);
    run->state = NULL;
}

const struct probe net_mtu = {
    .name = "net.mtu",
    .title = "Path MTU to another node",
    .why = "An overlay takes its packet size from the interface; where the path carries less, "
           "large packets vanish while small ones, and every ping, pass: joins and image pulls "
           "hang.",
    .source = "RFC 1191 (DF), RFC 8201 (IPv6), RFC 2923 2.1 (black holes), RFC 8762 and RFC 8972 "
              "4.1 (padded STAMP); overheads: RFC 7348, RFC 2003, RFC 2473, WireGuard mailing "
              "list 2017-12-11",
    .needs = PROBE_NEEDS_PEER,
    .effects = PROBE_SENDS_PACKETS,
    .weight = 5,
    .opts = net_mtu_opts,
    .conf_size = sizeof(struct net_mtu_conf),
    .metrics = net_mtu_metrics,
    .facts = net_mtu_facts,
    .supported = net_mtu_supported,
    .estimate = net_mtu_estimate,
    .setup = net_mtu_setup,
    .measure = net_mtu_measure,
    .judge = net_mtu_judge,
    .teardown = net_mtu_teardown,
};
