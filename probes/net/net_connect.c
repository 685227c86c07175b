#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/pace.h"
#include "probes/kit/units.h"
#include "probes/net/dial.h"
#include "probes/net/net.h"
#include "probes/net/targets.h"

enum {
    NET_CONNECT,
    NET_CONNECT_KERNEL,
    NET_CONNECT_FAILED,
    NET_CONNECT_DNS
};

static const struct metric net_connect_metrics[] = {
    [NET_CONNECT] = {"net.connect",         UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50 p99 max",
                     "From connect(2) until the connection stands, as this process sees it."},
    [NET_CONNECT_KERNEL] = { "net.connect.kernel", UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50",
                     "The kernel's own round trip of the same handshake (TCP_INFO)."        },
    [NET_CONNECT_FAILED] = { "net.connect.failed", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                     "Share of connections that were refused, timed out or had no way."     },
    [NET_CONNECT_DNS] = { "net.connect.dns",    UNIT_NS,    METRIC_LOWER, METRIC_MAX,  "value",
                     "Time to resolve the name, once; not in the others."                   },
    METRIC_END,
};

struct net_connect_conf {
    struct opt_list to;
    uint64_t interval_ns;
    uint64_t timeout_ns;
};

static const struct opt net_connect_opts[] = {
    OPT_LIST(struct net_connect_conf, to, .name = "to", .arg = "HOST:PORT",
             .help = "What to connect to: the API server, a registry. --connect sets it."),
    OPT_DURATION(struct net_connect_conf, interval_ns, .name = "interval", .initial = "100ms",
                 .min = 10 * (uint64_t)CLK_NS_PER_MS, .max = 60 * (uint64_t)CLK_NS_PER_S,
                 .help = "Time between connections to one of them."),
    OPT_DURATION(struct net_connect_conf, timeout_ns, .name = "timeout", .initial = "3s",
                 .min = 100 * (uint64_t)CLK_NS_PER_MS, .max = 60 * (uint64_t)CLK_NS_PER_S,
                 .help = "A connection that takes longer has failed; SYNs are repeated after 1 "
                         "and 3 s."),
    OPT_END,
};

#define NET_CONNECT_REPETITION_NS ((uint64_t)CLK_NS_PER_S)

enum {
    NET_CONNECT_LINES = 64, /* targets: OPT_LIST_USUAL */
    NET_CONNECT_DIALS = 8,  /* of one target, in hand at once */
    NET_CONNECT_WAIT_NS = 50 * CLK_NS_PER_MS,
    NET_CONNECT_PACKETS = 8, /* SYN, SYN-ACK, ACK, FINs and their ACKs */
};

_Static_assert((int)NET_CONNECT_LINES >= (int)OPT_LIST_USUAL, "each target has a line");

/* One target. */
struct net_connect_line {
    struct dial dials[NET_CONNECT_DIALS];
    struct pace pace;
    uint64_t by_door[DOOR_KINDS];
    uint64_t full;         /* times that all dials were in hand */
    uint64_t done, failed; /* of this repetition */
    int last_errno;
};

struct net_connect {
    struct targets targets;
    struct net_connect_line *lines; /* owned */
};

/* Port 862, which peer_parse takes where there is none, is no TCP service's. */
static bool net_connect_has_port(const char *to)
{
    const char *first = strchr(to, ':');
    if (*to == '[')
        return strstr(to, "]:") != NULL;
    return first && !strchr(first + 1, ':'); /* two colons are an IPv6 address */
}

static int net_connect_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_connect_conf *c = conf;
    (void)site;
    for (unsigned i = 0; i < c->to.count; i++) {
        if (!net_connect_has_port(c->to.items[i]))
            return err_set(e, ERR_USAGE, 0,
                           "'%.80s' has no port; expected HOST:PORT, as in 192.0.2.7:6443 or "
                           "[2001:db8::7]:6443",
                           c->to.items[i]);
    }
    return targets_check(
        &c->to,
        "not measured: no --connect; add --connect HOST:PORT for the API server or "
        "the registry",
        e);
}

static int net_connect_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                struct probe_cost *cost, struct err *e)
{
    const struct net_connect_conf *c = conf;
    (void)site;
    (void)e;
    cost->packets = (slot_ns / c->interval_ns + 1) * c->to.count * NET_CONNECT_PACKETS;
    return 0;
}

static int net_connect_setup(struct probe_run *run, struct err *e)
{
    const struct net_connect_conf *c = run->conf;
    struct net_connect *n = run->state = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the list of services");
    if (targets_open(&n->targets, run, &c->to, e))
        return -1;
    n->lines = calloc(n->targets.count, sizeof *n->lines);
    if (!n->lines)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u services", n->targets.count);
    for (unsigned i = 0; i < n->targets.count; i++) {
        for (unsigned k = 0; k < NET_CONNECT_DIALS; k++)
            n->lines[i].dials[k] = DIAL_CLOSED;
        /* Not all at the same moment. */
        pace_init(&n->lines[i].pace, clk_now_ns() + i * c->interval_ns / n->targets.count,
                  c->interval_ns);
    }
    return 0;
}

static void net_connect_take(struct probe_run *run, unsigned i, const struct dial_outcome *out)
{
    struct net_connect *n = run->state;
    struct net_connect_line *line = &n->lines[i];
    struct probe_part *part = &run->parts[i];
    line->by_door[out->door]++;
    line->done++;
    if (out->door == DOOR_OPEN) {
        hist_record(&part->hists[NET_CONNECT], out->took_ns);
        if (out->kernel_ns)
            hist_record(&part->hists[NET_CONNECT_KERNEL], out->kernel_ns);
        return;
    }
    line->failed++;
    line->last_errno = out->code;
    if (out->door == DOOR_UNREACHABLE)
        (void)targets_another(&n->targets.items[i]);
}

static void net_connect_begin(struct probe_run *run, unsigned i)
{
    const struct net_connect_conf *c = run->conf;
    struct net_connect *n = run->state;
    struct net_connect_line *line = &n->lines[i];
    struct dial_outcome out;
    for (unsigned k = 0; k < NET_CONNECT_DIALS; k++) {
        struct dial *d = &line->dials[k];
        if (d->phase != DIAL_IDLE)
            continue;
        if (dial_begin(d, targets_address(&n->targets.items[i]), c->timeout_ns, &out))
            net_connect_take(run, i, &out);
        return;
    }
    line->full++;
}

/* Steps what is in hand; how many still are. */
static unsigned net_connect_step(struct probe_run *run, unsigned i, uint64_t now_ns)
{
    struct net_connect *n = run->state;
    struct dial_outcome out;
    unsigned busy = 0;
    for (unsigned k = 0; k < NET_CONNECT_DIALS; k++) {
        struct dial *d = &n->lines[i].dials[k];
        if (d->phase != DIAL_IDLE && dial_step(d, now_ns, &out))
            net_connect_take(run, i, &out);
        busy += d->phase != DIAL_IDLE;
    }
    return busy;
}

static void net_connect_wait(const struct net_connect *n, uint64_t until_ns)
{
    struct pollfd polls[NET_CONNECT_LINES * NET_CONNECT_DIALS];
    unsigned count = 0;
    uint64_t now_ns = clk_now_ns();
    uint64_t due_ns = now_ns + NET_CONNECT_WAIT_NS;
    due_ns = due_ns < until_ns ? due_ns : until_ns;
    for (unsigned i = 0; i < n->targets.count; i++) {
        const struct net_connect_line *line = &n->lines[i];
        uint64_t next_ns = pace_due_ns(&line->pace);
        due_ns = n->targets.items[i].resolved && next_ns < due_ns ? next_ns : due_ns;
        for (unsigned k = 0; k < NET_CONNECT_DIALS; k++) {
            const struct dial *d = &line->dials[k];
            if (d->phase != DIAL_IDLE)
                polls[count++] = (struct pollfd){ .fd = d->fd, .events = dial_events(d) };
        }
    }
    struct timespec t = clk_timespec(due_ns > now_ns ? due_ns - now_ns : 0);
    (void)ppoll(polls, count, &t, NULL);
}

/* Takes what is under way, as the last of all repetitions. */
static void net_connect_drain(struct probe_run *run, uint64_t until_ns)
{
    struct net_connect *n = run->state;
    unsigned busy = 1;
    for (uint64_t now_ns = clk_now_ns(); busy && now_ns < until_ns && !*run->stopping;
         now_ns = clk_now_ns()) {
        busy = 0;
        for (unsigned i = 0; i < n->targets.count; i++)
            busy += net_connect_step(run, i, now_ns);
        if (busy)
            net_connect_wait(n, until_ns);
    }
}

static void net_connect_values(struct probe_run *run)
{
    struct net_connect *n = run->state;
    for (unsigned i = 0; i < n->targets.count; i++) {
        struct net_connect_line *line = &n->lines[i];
        const struct target *t = &n->targets.items[i];
        if (line->done)
            run->parts[i].values[NET_CONNECT_FAILED] = (double)line->failed / (double)line->done;
        if (run->repetition == 0 && t->by_name)
            run->parts[i].values[NET_CONNECT_DNS] = (double)t->resolve_ns;
    }
}

static int net_connect_measure(struct probe_run *run, struct err *e)
{
    const struct net_connect_conf *c = run->conf;
    struct net_connect *n = run->state;
    (void)e;
    for (unsigned i = 0; i < n->targets.count; i++)
        n->lines[i].done = n->lines[i].failed = 0;
    for (uint64_t now_ns = clk_now_ns(); now_ns < run->until_ns && !*run->stopping;
         now_ns = clk_now_ns()) {
        for (unsigned i = 0; i < n->targets.count; i++) {
            struct pace *pace = &n->lines[i].pace;
            if (!n->targets.items[i].resolved)
                continue;
            if (now_ns >= pace_due_ns(pace)) {
                (void)pace_take(pace, now_ns);
                net_connect_begin(run, i);
            }
            (void)net_connect_step(run, i, clk_now_ns());
        }
        net_connect_wait(n, run->until_ns);
    }
    if (run->until_ns + NET_CONNECT_REPETITION_NS / 4 >= run->slot_end_ns)
        net_connect_drain(run, clk_now_ns() + c->timeout_ns);
    net_connect_values(run);
    return 0;
}

static void net_connect_tell(const struct net_connect *n, unsigned i, struct result *r)
{
    char name[PEER_NAME_BYTES];
    char dns[UNITS_TEXT_BYTES];
    const struct net_connect_line *line = &n->lines[i];
    const struct target *t = &n->targets.items[i];
    const uint64_t *by_door = line->by_door;
    uint64_t failed = by_door[DOOR_REFUSED] + by_door[DOOR_FILTERED] + by_door[DOOR_UNREACHABLE];
    if (!t->resolved || by_door[DOOR_OPEN] + failed == 0)
        return;
    result_note(r,
                "To %s: %" PRIu64 " connections, %" PRIu64 " refused, %" PRIu64
                " without an answer, %" PRIu64 " without a way; each was closed in order, without "
                "a byte sent.",
                peer_name(targets_address(t), name), by_door[DOOR_OPEN], by_door[DOOR_REFUSED],
                by_door[DOOR_FILTERED], by_door[DOOR_UNREACHABLE]);
    if (t->by_name)
        result_note(r, "Resolving the name took %s, once, and is in no other figure.",
                    units_format((double)t->resolve_ns, UNIT_NS, dns));
    if (line->full)
        result_note(r, "%" PRIu64 " times %d connections were in hand already, and none was made.",
                    line->full, NET_CONNECT_DIALS);
    if (failed)
        result_note(r, "The last failure: %s.", strerrordesc_np(line->last_errno));
}

static void net_connect_judge(struct probe_run *run)
{
    const struct net_connect *n = run->state;
    for (unsigned i = 0; i < n->targets.count; i++)
        net_connect_tell(n, i, run->parts[i].result);
}

static void net_connect_teardown(struct probe_run *run)
{
    struct net_connect *n = run->state;
    if (!n)
        return;
    for (unsigned i = 0; n->lines && i < n->targets.count; i++) {
        for (unsigned k = 0; k < NET_CONNECT_DIALS; k++)
            dial_release(&n->lines[i].dials[k]);
    }
    free(n->lines);
    targets_release(&n->targets);
    free(n);
    run->state = NULL;
}

const struct probe net_connect = {
    .name = "net.connect",
    .title = "TCP connections to services",
    .why = "Kubelets, agents and runtimes make a connection for a heartbeat or a pull; a SYN that "
           "is lost costs a second, and a name server that is slow costs it every time.",
    .source = "RFC 6298 2.1 (1 s before a SYN is repeated); tcp(7) TCP_INFO",
    .needs = PROBE_NEEDS_SERVICE,
    .effects = PROBE_SENDS_PACKETS,
    .weight = 4,
    .repetition_ns = NET_CONNECT_REPETITION_NS,
    .opts = net_connect_opts,
    .conf_size = sizeof(struct net_connect_conf),
    .metrics = net_connect_metrics,
    .supported = net_connect_supported,
    .estimate = net_connect_estimate,
    .setup = net_connect_setup,
    .measure = net_connect_measure,
    .judge = net_connect_judge,
    .teardown = net_connect_teardown,
};
