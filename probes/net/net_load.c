#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"
#include "probes/kit/units.h"
#include "probes/net/bitrate.h"
#include "probes/net/bloat.h"
#include "probes/net/net.h"
#include "probes/net/secret.h"
#include "probes/net/strain.h"
#include "probes/net/targets.h"

enum {
    NET_LOAD,
    NET_LOAD_IDLE,
    NET_LOAD_INCREASE,
    NET_LOAD_LOSS,
    NET_LOAD_RATE
};

/* clang-format off */
static const struct metric net_load_metrics[] = {
    [NET_LOAD] = {
        "net.load", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "Round trip of small packets beside a stream of large ones, both ways." },
    [NET_LOAD_IDLE] = {
        "net.load.idle", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "The same just before, without the stream." },
    [NET_LOAD_INCREASE] = {
        "net.load.increase", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "value",
        "By how much the stream lengthens the median round trip; 0 at least." },
    [NET_LOAD_LOSS] = {
        "net.load.loss", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
        "Share of the small packets without an answer beside the stream." },
    [NET_LOAD_RATE] = {
        "net.load.rate", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "",
        "Octets of the stream that came back, a second." },
    METRIC_END,
};

/* clang-format on */

static bool net_load_word(unsigned index, struct fact_word *word)
{
    *word = (struct fact_word){ .rule = "The mean increase of the median round trip.",
                                .source = "dslreports.com/faq/17930" };
    return bloat_grade(index, &word->word, &word->what);
}

static const struct fact_row net_load_facts[] = {
    {.name = "net.load.bloat",
     .kind = FACT_TEXT,
     .what = "How much the stream delays others, at the worst peer, at the rate it was sent at.",
     .word = net_load_word},
    FACT_END,
};

struct net_load_conf {
    struct opt_list peers;
    const char *key_file;
    const char *rate;
    uint64_t most_bytes;
    uint64_t interval_ns;
};

static const struct opt net_load_opts[] = {
    OPT_LIST(struct net_load_conf, peers, .name = "peer", .arg = "HOST[:PORT]", .max = LIMITS_PEERS,
             .help = "The nodes that run 'plimsoll reflect'; one after the other is loaded."),
    SECRET_OPTION(struct net_load_conf, key_file),
    OPT_TEXT(struct net_load_conf, rate, .name = "rate", .arg = "RATE", .initial = "20Mbit",
             .help = "Of the stream, each way; --load sets it. A queue shows only where this is "
                     "more than the path carries."),
    OPT_BYTES(struct net_load_conf, most_bytes, .name = "most", .initial = "32 MiB", .min = 100000,
              .help = "Octets of the stream in all, each way; what has been sent is not again."),
    OPT_DURATION(struct net_load_conf, interval_ns, .name = "interval", .initial = "5ms",
                 .min = CLK_NS_PER_MS, .max = 100 * (uint64_t)CLK_NS_PER_MS,
                 .help = "Time between the small packets."),
    OPT_END,
};

#define NET_LOAD_REPETITION_NS (3 * (uint64_t)CLK_NS_PER_S)

enum {
    NET_LOAD_TURN_NS_MIN = CLK_NS_PER_S, /* of one peer: less shows no queue */
    NET_LOAD_DRAIN_NS_MIN = 200 * CLK_NS_PER_MS,
    NET_LOAD_DRAIN_NS_MAX = 1000 * CLK_NS_PER_MS,
    NET_LOAD_GREET_NS = 50 * CLK_NS_PER_MS,
    NET_LOAD_SEND_PERCENT = 38, /* of a turn, quiet and loaded each; the rest is for late answers */
};

/* One peer. */
struct net_load_line {
    bool chosen; /* an address answered */
    unsigned turns;
    struct strain_counts idle, loaded; /* of all turns */
    double increase_ns;                /* sum over turns */
    double stream_ns;                  /* time that the stream was sent */
    uint64_t left_bytes;
    int last_errno;
};

struct net_load {
    struct targets targets;
    struct secret secret;
    struct net_load_line *lines; /* owned */
    struct strain strain;        /* of the peer whose turn it is */
    unsigned next;               /* whose turn it is */
};

/* supported has read it before. */
static uint64_t net_load_rate(const struct net_load_conf *c)
{
    struct err ignored;
    uint64_t bytes_per_s = 0;
    (void)bitrate_parse(c->rate, &bytes_per_s, &ignored);
    return bytes_per_s;
}

static int net_load_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_load_conf *c = conf;
    uint64_t bytes_per_s;
    (void)site;
    if (bitrate_parse(c->rate, &bytes_per_s, e))
        return -1;
    if (secret_check(c->key_file, e))
        return -1;
    return targets_check(&c->peers,
                         "not measured: no --peer; run 'plimsoll reflect' on the other node and "
                         "add --peer HOST",
                         e);
}

/* The stream is sent in less than half of the time. */
static int net_load_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                             struct probe_cost *cost, struct err *e)
{
    const struct net_load_conf *c = conf;
    double loaded_s = (double)slot_ns / CLK_NS_PER_S * NET_LOAD_SEND_PERCENT / 100;
    double bytes = fmin(loaded_s * (double)net_load_rate(c),
                        (double)c->most_bytes * (c->peers.count ? c->peers.count : 1));
    (void)site;
    (void)e;
    cost->packets = (uint64_t)(bytes / STRAIN_BYTES) + slot_ns / c->interval_ns;
    return 0;
}

static int net_load_setup(struct probe_run *run, struct err *e)
{
    const struct net_load_conf *c = run->conf;
    struct net_load *n = run->state = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the list of peers");
    n->strain.small_fd = n->strain.large_fd = -1;
    if (secret_open(&n->secret, c->key_file, e) || targets_open(&n->targets, run, &c->peers, e))
        return -1;
    n->lines = calloc(n->targets.count, sizeof *n->lines);
    if (!n->lines)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u peers", n->targets.count);
    for (unsigned i = 0; i < n->targets.count; i++)
        n->lines[i].left_bytes = c->most_bytes;
    return 0;
}

static int net_load_open(struct probe_run *run, unsigned i)
{
    const struct net_load_conf *c = run->conf;
    struct net_load *n = run->state;
    struct err e = { 0 };
    struct prng prng;
    prng_init_named(&prng, run->seed + i + run->repetition, "net.load.ssid");
    struct strain_terms terms = { .interval_ns = c->interval_ns,
                                  .bytes_per_s = net_load_rate(c),
                                  .ssid = (uint16_t)(1 + prng_below(&prng, UINT16_MAX)),
                                  .key = secret_key(&n->secret) };
    strain_release(&n->strain);
    if (strain_open(&n->strain, targets_address(&n->targets.items[i]), &terms,
                    n->lines[i].left_bytes, &e)) {
        n->lines[i].last_errno = e.sys;
        return -1;
    }
    return 0;
}

/* A few packets to each address, until one is answered. */
static int net_load_choose(struct probe_run *run, unsigned i)
{
    struct net_load *n = run->state;
    struct net_load_line *line = &n->lines[i];
    struct strain_phase greeting = { .send_ns = NET_LOAD_GREET_NS,
                                     .drain_ns = NET_LOAD_DRAIN_NS_MAX / 2,
                                     .stop = run->stopping };
    do {
        if (net_load_open(run, i))
            continue;
        strain_run(&n->strain, &greeting);
        line->chosen = n->strain.counts.small_answered > 0;
        line->last_errno = n->strain.last_errno;
    } while (!line->chosen && !*run->stopping && targets_another(&n->targets.items[i]));
    return line->chosen ? 0 : -1;
}

static void net_load_add(struct strain_counts *sum, const struct strain_counts *c)
{
    sum->small += c->small;
    sum->small_answered += c->small_answered;
    sum->large += c->large;
    sum->large_answered += c->large_answered;
    sum->unsent += c->unsent;
}

static void net_load_values(struct probe_part *part, struct net_load_line *line,
                            const struct strain_counts *c, uint64_t send_ns)
{
    const struct hist *loaded = &part->hists[NET_LOAD];
    const struct hist *idle = &part->hists[NET_LOAD_IDLE];
    net_load_add(&line->loaded, c);
    line->turns++;
    line->stream_ns += (double)send_ns;
    if (c->small)
        part->values[NET_LOAD_LOSS] = 1 - (double)c->small_answered / (double)c->small;
    part->values[NET_LOAD_RATE] =
        (double)c->large_in_time * STRAIN_BYTES / ((double)send_ns / CLK_NS_PER_S);
    if (loaded->total == 0 || idle->total == 0)
        return;
    double grown_ns = (double)hist_quantile(loaded, 0.5) - (double)hist_quantile(idle, 0.5);
    part->values[NET_LOAD_INCREASE] = fmax(grown_ns, 0);
    line->increase_ns += fmax(grown_ns, 0);
}

/* One peer: quiet, then loaded. */
static void net_load_turn(struct probe_run *run, unsigned i, uint64_t turn_ns)
{
    struct net_load *n = run->state;
    struct net_load_line *line = &n->lines[i];
    struct probe_part *part = &run->parts[i];
    uint64_t drain_ns = turn_ns * (50 - NET_LOAD_SEND_PERCENT) / 100;
    drain_ns = drain_ns < NET_LOAD_DRAIN_NS_MIN   ? NET_LOAD_DRAIN_NS_MIN
               : drain_ns > NET_LOAD_DRAIN_NS_MAX ? NET_LOAD_DRAIN_NS_MAX
                                                  : drain_ns;
    struct strain_phase phase = { .send_ns = turn_ns * NET_LOAD_SEND_PERCENT / 100,
                                  .drain_ns = drain_ns,
                                  .rtt = &part->hists[NET_LOAD_IDLE],
                                  .stop = run->stopping };
    if (line->chosen ? net_load_open(run, i) : net_load_choose(run, i))
        return;
    strain_run(&n->strain, &phase);
    net_load_add(&line->idle, &n->strain.counts);
    phase.loaded = true;
    phase.rtt = &part->hists[NET_LOAD];
    strain_run(&n->strain, &phase);
    net_load_values(part, line, &n->strain.counts, phase.send_ns);
    part->observed_ns[NET_LOAD] = part->observed_ns[NET_LOAD_IDLE] = phase.send_ns;
    line->left_bytes = n->strain.large_left * STRAIN_BYTES;
}

static bool net_load_may(const struct net_load *n, unsigned i)
{
    return n->targets.items[i].resolved && n->lines[i].left_bytes >= STRAIN_BYTES &&
           (n->lines[i].chosen || n->lines[i].turns == 0);
}

/* One after the other, as many as the time allows; the next repetition goes on from there. */
static int net_load_measure(struct probe_run *run, struct err *e)
{
    struct net_load *n = run->state;
    unsigned count = n->targets.count;
    unsigned may = 0;
    (void)e;
    for (unsigned i = 0; i < count; i++)
        may += net_load_may(n, i);
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    uint64_t turn_ns = may ? left_ns / may : 0;
    turn_ns = turn_ns < NET_LOAD_TURN_NS_MIN ? NET_LOAD_TURN_NS_MIN : turn_ns;
    for (unsigned k = 0; k < count && !*run->stopping; k++) {
        unsigned i = n->next;
        bool first = k == 0 || clk_now_ns() + turn_ns <= run->until_ns + turn_ns / 4;
        if (!first)
            break;
        n->next = (n->next + 1) % count;
        if (net_load_may(n, i))
            net_load_turn(run, i, turn_ns);
        if (!n->lines[i].chosen)
            n->lines[i].turns += n->targets.items[i].resolved; /* not asked again */
    }
    run->done = may == 0;
    return 0;
}

static void net_load_note_stream(const struct net_load_conf *c, const struct net_load_line *line,
                                 struct result *r)
{
    const struct strain_counts *l = &line->loaded;
    double sent = (double)l->large * STRAIN_BYTES / (line->stream_ns / CLK_NS_PER_S);
    char asked[UNITS_TEXT_BYTES];
    char got[UNITS_TEXT_BYTES];
    result_note(r,
                "The stream: %" PRIu64
                " packets of %d octets at %s (%s asked for) each way, %" PRIu64
                " came back; %" PRIu64 " found no room in this host's socket.",
                l->large, STRAIN_BYTES, units_format(sent, UNIT_BYTES_PER_S, got),
                units_format((double)net_load_rate(c), UNIT_BYTES_PER_S, asked), l->large_answered,
                l->unsent);
    result_note(r,
                "Small packets: %" PRIu64 " of %" PRIu64 " answered without the stream, %" PRIu64
                " of %" PRIu64 " beside it.",
                line->idle.small_answered, line->idle.small, l->small_answered, l->small);
}

static void net_load_note(const struct net_load_conf *c, const struct net_load_line *line,
                          struct result *r)
{
    char grown[UNITS_TEXT_BYTES];
    const struct strain_counts *l = &line->loaded;
    double increase_ns = line->increase_ns / line->turns;
    double lost = l->large ? 1 - (double)l->large_answered / (double)l->large : 0;
    net_load_note_stream(c, line, r);
    result_note(r,
                "Delay by load: %s; the median round trip grows by %s. Below the rate of the "
                "path nothing grows: this says nothing of higher rates.",
                bloat_word(increase_ns), units_format(increase_ns, UNIT_NS, grown));
    if (bloat_is_limiter(lost, increase_ns))
        result_note(r,
                    "%.1f %% of the stream was lost while round trips did not grow: a limiter on "
                    "the way, or the reflector's own limit for one source ('plimsoll reflect "
                    "--rate'); it is no queue.",
                    100 * lost);
}

static void net_load_tell(const struct net_load *n, const struct net_load_conf *c, unsigned i,
                          struct result *r)
{
    char name[PEER_NAME_BYTES];
    const struct target *t = &n->targets.items[i];
    const struct net_load_line *line = &n->lines[i];
    if (!t->resolved)
        return;
    if (line->chosen && line->turns) {
        net_load_note(c, line, r);
        return;
    }
    (void)peer_name(targets_address(t), name);
    if (line->turns == 0)
        result_set_status(r, STATUS_SKIPPED,
                          "its time went to the other peers; give a longer --budget");
    else if (line->last_errno)
        result_set_status(r, STATUS_FAILED,
                          "%s cannot be loaded: %s; is 'plimsoll reflect' "
                          "running there?",
                          name, strerrordesc_np(line->last_errno));
    else
        result_set_status(
            r, STATUS_FAILED,
            "nothing answered at %s; is 'plimsoll reflect' running there, UDP %u open "
            "and --key-file the same?",
            name, peer_sockaddr_port(targets_address(t)));
}

static void net_load_judge(struct probe_run *run)
{
    const struct net_load *n = run->state;
    double worst_ns = NAN;
    for (unsigned i = 0; i < n->targets.count; i++) {
        const struct net_load_line *line = &n->lines[i];
        net_load_tell(n, run->conf, i, run->parts[i].result);
        if (line->chosen && line->turns)
            worst_ns = fmax(worst_ns, line->increase_ns / line->turns);
    }
    if (!isnan(worst_ns))
        (void)facts_set_text(&run->parts[0].result->facts, net_load_facts[0].name,
                             bloat_word(worst_ns), NULL);
}

static void net_load_teardown(struct probe_run *run)
{
    struct net_load *n = run->state;
    if (!n)
        return;
    strain_release(&n->strain);
    free(n->lines);
    targets_release(&n->targets);
    secret_release(&n->secret);
    free(n);
    run->state = NULL;
}

const struct probe net_load = {
    .name = "net.load",
    .title = "Round trips under load",
    .why = "Where a queue on the way is long, an image pull delays heartbeats by as much as the "
           "queue holds, and leaders are deposed while nothing is lost.",
    .source = "dslreports.com/faq/17930 (grades); RFC 8762 and RFC 8972 4.1 (padded STAMP); etcd "
              "Documentation/tuning.md (heartbeat 100 ms)",
    .needs = PROBE_NEEDS_PEER,
    .effects = PROBE_SENDS_PACKETS,
    .weight = 6,
    .repetition_ns = NET_LOAD_REPETITION_NS,
    .opts = net_load_opts,
    .conf_size = sizeof(struct net_load_conf),
    .metrics = net_load_metrics,
    .facts = net_load_facts,
    .supported = net_load_supported,
    .estimate = net_load_estimate,
    .setup = net_load_setup,
    .measure = net_load_measure,
    .judge = net_load_judge,
    .teardown = net_load_teardown,
};
