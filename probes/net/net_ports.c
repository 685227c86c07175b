#include <stdlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/net/net.h"
#include "probes/net/scan.h"
#include "probes/net/targets.h"

enum {
    NET_PORTS_FILTERED
};

static const struct metric net_ports_metrics[] = {
    [NET_PORTS_FILTERED] = {"net.ports.filtered", UNIT_COUNT, METRIC_LOWER, METRIC_MEAN, "value",
                            "Ports between nodes that are closed by a filter, at this peer."},
    METRIC_END,
};

/* Of all peers together, since a node must reach each of them. */
static const struct fact_row net_ports_facts[] = {
    {.name = "net.ports.blocked",
     .kind = FACT_LIST,
     .what = "Ports at which a filter keeps us out, at any peer."                               },
    { .name = "net.ports.silent",
     .kind = FACT_LIST,
     .what = "UDP ports that say nothing, at any peer: open or filtered, nothing tells which."  },
    { .name = "net.ports.refused",
     .kind = FACT_LIST,
     .what = "Ports that are reached and nothing listens at, as before an installation."        },
    { .name = "net.ports.open",    .kind = FACT_LIST, .what = "Ports at which any peer answers."},
    FACT_END,
};

/* Which answers each of them lists. */
static const enum door net_ports_doors[] = { DOOR_FILTERED, DOOR_SILENT, DOOR_REFUSED, DOOR_OPEN };

struct net_ports_conf {
    struct opt_list peers;
    uint64_t timeout_ns;
    uint64_t asks;
};

static const struct opt net_ports_opts[] = {
    OPT_LIST(struct net_ports_conf, peers, .name = "peer", .arg = "HOST[:PORT]",
             .max = LIMITS_PEERS,
             .help = "The nodes whose ports are asked; the reflector's port is used to see that "
                     "the node lives."),
    OPT_DURATION(struct net_ports_conf, timeout_ns, .name = "timeout", .initial = "3500ms",
                 .min = 1500 * (uint64_t)CLK_NS_PER_MS, .max = 60 * (uint64_t)CLK_NS_PER_S,
                 .help = "Silence of a TCP port for this long is a filter; the kernel repeats its "
                         "SYN after 1 and 3 s."),
    OPT_U64(struct net_ports_conf, asks, .name = "asks", .initial = "2", .min = 1, .max = 10,
            .help = "Datagrams to a UDP port that stays silent; a second apart."),
    OPT_END,
};

struct net_ports {
    struct targets targets;
    struct scan *scans; /* owned; of each target */
};

static struct scan_terms net_ports_terms(const struct net_ports_conf *c)
{
    return (struct scan_terms){ .timeout_ns = c->timeout_ns, .udp_asks = (unsigned)c->asks };
}

static int net_ports_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_ports_conf *c = conf;
    (void)site;
    return targets_check(&c->peers, "not measured: no --peer; add --peer HOST for each other node",
                         e);
}

static int net_ports_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                              struct probe_cost *cost, struct err *e)
{
    const struct net_ports_conf *c = conf;
    struct scan_terms terms = net_ports_terms(c);
    (void)site;
    (void)slot_ns;
    (void)e;
    cost->packets = c->peers.count * scan_packets(&terms);
    return 0;
}

static int net_ports_setup(struct probe_run *run, struct err *e)
{
    const struct net_ports_conf *c = run->conf;
    struct net_ports *n = run->state = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the list of peers");
    if (targets_open(&n->targets, run, &c->peers, e))
        return -1;
    n->scans = calloc(n->targets.count, sizeof *n->scans);
    if (!n->scans)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the ports of %u peers",
                       n->targets.count);
    for (unsigned i = 0; i < n->targets.count; i++) {
        static const struct service none = { 0 };
        const struct target *t = &n->targets.items[i];
        scan_open(&n->scans[i], targets_address(t), t->resolved ? services_all : &none);
    }
    return 0;
}

/* So many at once; what is left of the time is shared by those that are left. */
static int net_ports_measure(struct probe_run *run, struct err *e)
{
    const struct net_ports_conf *c = run->conf;
    struct net_ports *n = run->state;
    struct scan_terms terms = net_ports_terms(c);
    unsigned count = n->targets.count;
    (void)e;
    for (unsigned i = 0; i < count && !*run->stopping; i += SCAN_AT_ONCE) {
        unsigned some = count - i < SCAN_AT_ONCE ? count - i : SCAN_AT_ONCE;
        unsigned batches = (count - i + SCAN_AT_ONCE - 1) / SCAN_AT_ONCE;
        uint64_t now_ns = clk_now_ns();
        uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
        scan_run(&n->scans[i], some, &terms, now_ns + left_ns / batches, run->stopping);
    }
    for (unsigned i = 0; i < count; i++) {
        if (scan_tally(&n->scans[i], DOOR_UNASKED) < n->scans[i].count)
            run->parts[i].values[NET_PORTS_FILTERED] = scan_tally(&n->scans[i], DOOR_FILTERED);
    }
    return 0;
}

/* Why its ports say nothing about filters; false when they do. */
static bool net_ports_doubt(const struct scan *s, struct result *r)
{
    char name[PEER_NAME_BYTES];
    unsigned unreachable = scan_tally(s, DOOR_UNREACHABLE);
    (void)peer_name(&s->peer, name);
    if (unreachable > 0 && !s->alive) { /* one word is enough: routers ration theirs */
        result_set_status(r, STATUS_FAILED,
                          "the host of %s cannot be reached; check the address and the route",
                          name);
        return true;
    }
    if (s->alive || s->count == 0)
        return s->count == 0;
    result_set_status(r, STATUS_UNTRUSTED,
                      "nothing came back from any port, nor from the reflector at %s: the node is "
                      "down, or a firewall drops everything",
                      name);
    return true;
}

static void net_ports_note(const struct scan *s, enum door door, const char *what, struct result *r)
{
    AUTO(buf) struct buf words = { 0 };
    scan_words(s, door, &words);
    if (words.size)
        result_note(r, "%s: %s.", what, buf_text(&words));
}

static void net_ports_tell(const struct scan *s, struct result *r)
{
    if (net_ports_doubt(s, r))
        return;
    net_ports_note(s, DOOR_OPEN, "Open", r);
    net_ports_note(s, DOOR_REFUSED,
                   "Refused, so that the way is free and nothing listens, unless a filter answers "
                   "in its place",
                   r);
    net_ports_note(s, DOOR_FILTERED, "Filtered: no answer to a connection, or ICMP that forbids it",
                   r);
    net_ports_note(s, DOOR_SILENT,
                   "UDP without any answer, which an open port and a filter have "
                   "in common",
                   r);
    net_ports_note(s, DOOR_UNREACHABLE, "No way to the host", r);
    net_ports_note(s, DOOR_UNASKED, "Not asked, or not long enough; give a longer --budget", r);
    result_note(r, "Asked by connections that are closed without a byte sent, and by empty "
                   "datagrams; a service may log them.");
}

/* Only what was found of nodes that live. */
static void net_ports_state(const struct net_ports *n, unsigned row, struct facts *facts)
{
    AUTO(buf) struct buf words = { 0 };
    for (const struct service *s = services_all; s->port; s++) {
        bool found = false;
        for (unsigned i = 0; i < n->targets.count; i++) {
            const struct scan *scan = &n->scans[i];
            for (unsigned k = 0; k < scan->count && scan->alive; k++)
                found = found || (scan->doors[k].service == s &&
                                  scan->doors[k].door == net_ports_doors[row]);
        }
        if (found)
            services_word(s, &words);
    }
    (void)facts_set_list(facts, net_ports_facts[row].name, buf_text(&words), NULL);
}

static void net_ports_judge(struct probe_run *run)
{
    const struct net_ports *n = run->state;
    bool alive = false;
    for (unsigned i = 0; i < n->targets.count; i++) {
        net_ports_tell(&n->scans[i], run->parts[i].result);
        alive = alive || n->scans[i].alive;
    }
    for (unsigned row = 0; net_ports_facts[row].name && alive; row++)
        net_ports_state(n, row, &run->parts[0].result->facts);
}

static void net_ports_teardown(struct probe_run *run)
{
    struct net_ports *n = run->state;
    if (!n)
        return;
    for (unsigned i = 0; n->scans && i < n->targets.count; i++)
        scan_release(&n->scans[i]);
    free(n->scans);
    targets_release(&n->targets);
    free(n);
    run->state = NULL;
}

const struct probe net_ports = {
    .name = "net.ports",
    .title = "Orchestrators' ports between the nodes",
    .why = "A node whose ports are filtered joins no cluster, or joins and falls apart: gossip and "
           "overlay traffic are UDP, and nothing says that they are dropped.",
    .source = "The rows of probes/kit/services.h: kubernetes ports-and-protocols.md, k3s "
              "requirements.md, Docker swarm, ZooKeeper, Nomad and Consul port lists; Mesos and "
              "Marathon constants [unverified]",
    .needs = PROBE_NEEDS_PEER,
    .effects = PROBE_SENDS_PACKETS,
    .weight = 8,
    .opts = net_ports_opts,
    .conf_size = sizeof(struct net_ports_conf),
    .metrics = net_ports_metrics,
    .facts = net_ports_facts,
    .supported = net_ports_supported,
    .estimate = net_ports_estimate,
    .setup = net_ports_setup,
    .measure = net_ports_measure,
    .judge = net_ports_judge,
    .teardown = net_ports_teardown,
};
