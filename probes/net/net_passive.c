#include <inttypes.h>
#include <math.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/clk.h"
#include "probes/net/capture.h"
#include "probes/net/net.h"
#include "probes/net/passive_tell.h"

enum {
    NET_AGAIN = PASSIVE_RTTS,
    NET_REORDERED
};

/* clang-format off */
static const struct metric net_passive_metrics[] = {
    [PASSIVE_ALL] = {
        "net.passive.rtt", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99 max",
        "From a TCP segment to its ACK, both where the packets were captured." },
    [PASSIVE_SERVER] = {
        "net.passive.server", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "The same from the capture to the end that was called, and back." },
    [PASSIVE_CLIENT] = {
        "net.passive.client", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "The same from the capture to the end that called, and back." },
    [PASSIVE_PATH] = {
        "net.passive.path", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "The same, but where a loss held the ACK back, from what set it off." },
    [PASSIVE_ANY] = {
        "net.passive.ack_rtt", UNIT_NS, METRIC_LOWER, METRIC_HIST, "",
        "As tshark's tcp.analysis.ack_rtt: sent again counts from the first sending." },
    [PASSIVE_HANDSHAKE] = {
        "net.passive.handshake", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99",
        "From a SYN to the ACK of its answer: between both ends, wherever captured." },
    [NET_AGAIN] = {
        "net.passive.retransmitted", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
        "Share of segments with data that were sent again." },
    [NET_REORDERED] = {
        "net.passive.reordered", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
        "Share of segments with data that later ones overtook on the way here." },
    METRIC_END,
};

/* clang-format on */

struct net_passive_conf {
    const char *interface;
    const char *pcap;
    const char *ports;
    uint64_t for_ns;
};

static const struct opt net_passive_opts[] = {
    OPT_TEXT(struct net_passive_conf, interface, .name = "passive", .arg = "IFACE",
             .help = "Measure the TCP traffic of this interface; 'any' is all of them."),
    OPT_TEXT(struct net_passive_conf, pcap, .name = "pcap", .arg = "FILE",
             .help = "Measure the TCP traffic of this capture file, pcap or pcapng."),
    OPT_TEXT(struct net_passive_conf, ports, .name = "port", .arg = "PORT,...",
             .help = "Only TCP of these ports, as in 2379,6443,30000-32767; all when not given."),
    OPT_DURATION(struct net_passive_conf, for_ns, .name = "for", .initial = "30s",
                 .min = CLK_NS_PER_S, .max = 86400 * (uint64_t)CLK_NS_PER_S,
                 .help = "How long to capture; never longer than the run's --budget allows."),
    OPT_END,
};

enum {
    NET_LOOK_PACKETS = 64,  /* the clock is read once for so many */
    NET_DROPPED_SHARE = 100 /* one packet in so many not captured: losses seen may be ours */
};

struct net_passive {
    struct capture capture;
    struct passive passive;
    uint64_t end_ns; /* CLOCK_MONOTONIC; live */
    bool whole;      /* to the end of the file, or of --for */
    struct err broken;
};

static bool is_given(const char *text)
{
    return text && *text;
}

static int net_passive_check_file(const char *path, struct err *e)
{
    struct capture c = { 0 };
    int failed = capture_open_file(&c, path, e);
    capture_close(&c);
    e->kind = failed ? ERR_USAGE : e->kind; /* refused before anything is measured */
    return failed;
}

static int net_passive_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct net_passive_conf *c = conf;
    struct portset ports;
    (void)site;
    if (!is_given(c->interface) && !is_given(c->pcap))
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "not measured: neither --passive IFACE nor --pcap FILE was given");
    if (is_given(c->interface) && is_given(c->pcap))
        return err_set(e, ERR_USAGE, 0, "--passive and --pcap exclude each other; give one");
    if (portset_parse(c->ports, &ports, e))
        return err_wrap(e, "--port");
    if (is_given(c->pcap))
        return net_passive_check_file(c->pcap, e) ? err_wrap(e, "--pcap") : 0;
    if (strcmp(c->interface, "any") != 0 && !if_nametoindex(c->interface))
        return err_set(e, ERR_USAGE, 0,
                       "--passive: there is no interface '%.40s'; 'ip link' lists them, and 'any' "
                       "is all",
                       c->interface);
    return 0;
}

static int net_passive_setup(struct probe_run *run, struct err *e)
{
    const struct net_passive_conf *c = run->conf;
    struct net_passive *n = calloc(1, sizeof *n);
    struct portset ports;
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a capture");
    if (portset_parse(c->ports, &ports, e) ||
        passive_open(&n->passive, &ports, run->seed ^ (uint64_t)getpid() << 32, e))
        return -1;
    if (is_given(c->pcap))
        return capture_open_file(&n->capture, c->pcap, e);
    n->end_ns = clk_now_ns() + c->for_ns;
    return capture_open_live(&n->capture, c->interface, &ports, e);
}

/* One packet, or a wait for one; false when there will be no more. */
static bool net_passive_step(struct net_passive *n, struct hist *const hists[PASSIVE_RTTS],
                             uint64_t until_ns)
{
    struct passive_packet packet;
    switch (capture_next(&n->capture, &packet, &n->broken)) {
    case CAPTURE_PACKET:
        passive_take(&n->passive, n->capture.link, &packet, hists);
        return true;
    case CAPTURE_EMPTY:
        capture_wait(&n->capture, until_ns);
        return true;
    case CAPTURE_END:
        n->whole = true;
        return false;
    default:
        return false;
    }
}

static int net_passive_measure(struct probe_run *run, struct err *e)
{
    struct net_passive *n = run->state;
    struct hist *hists[PASSIVE_RTTS];
    for (unsigned i = 0; i < PASSIVE_RTTS; i++)
        hists[i] = &run->hists[i];
    bool live = n->capture.live;
    uint64_t until_ns = live && n->end_ns < run->until_ns ? n->end_ns : run->until_ns;
    uint64_t before_ns = n->passive.counts.last_ns;
    bool goes_on = true;
    for (unsigned i = 1; goes_on && !*run->stopping; i++) {
        goes_on = net_passive_step(n, hists, until_ns);
        if ((live || i % NET_LOOK_PACKETS == 0) && clk_now_ns() >= until_ns)
            break;
    }
    n->whole = n->whole || (live && clk_now_ns() >= n->end_ns);
    run->done = !goes_on || n->whole;
    const struct passive_counts *c = &n->passive.counts;
    uint64_t began_ns = before_ns ? before_ns : c->first_ns;
    for (unsigned i = 0; !live && i < PASSIVE_RTTS; i++)
        run->observed_ns[i] = c->last_ns - began_ns;
    return n->broken.kind && c->packets == 0 ? (*e = n->broken, -1) : 0;
}

/* Of the whole, which is known only now, in one block. */
static void net_passive_tell_ratio(struct probe_run *run, const char *id, uint64_t part)
{
    const struct net_passive *n = run->state;
    const struct passive_counts *c = &n->passive.counts;
    struct result_metric *m = result_metric_find(run->result, id);
    uint64_t segments = passive_segments(&n->passive);
    struct result_block block = { .at_ns = run->result->started_ns,
                                  .observed_ns = c->last_ns - c->first_ns,
                                  .value = (double)part / (double)segments,
                                  .n = segments };
    struct err e;
    if (m && segments && result_add_block(m, &block, &e))
        result_note(run->result, "%s is not told: %s.", id, e.msg);
}

static void net_passive_note_file(const struct net_passive *n, const struct net_passive_conf *c,
                                  struct result *r)
{
    const struct capture *p = &n->capture;
    result_note(r, "From the file %.200s, link layer %s.", c->pcap, capture_link_name(p));
    if (n->broken.kind)
        result_note(r,
                    "The file breaks off or is damaged (%.200s): what comes before is counted; end "
                    "tcpdump with Ctrl-C and its file is whole.",
                    n->broken.msg);
    else if (!n->whole)
        result_note(r, "Read to %.0f %% of its bytes; a longer --budget reads on.",
                    100 * (double)ftello(p->file) / (double)(p->bytes ? p->bytes : 1));
    if (p->lies)
        result_note(r, "The lengths of %" PRIu64 " packets in it cannot be.", p->lies);
}

static void net_passive_note_live(struct net_passive *n, const struct net_passive_conf *c,
                                  struct result *r)
{
    uint64_t dropped = capture_dropped(&n->capture);
    uint64_t packets = n->passive.counts.packets;
    result_note(r,
                "Captured on %.40s by libpcap, link layer %s, %d octets of each packet, times in "
                "%s; nothing was sent. %" PRIu64 " packets found no room and are missing.",
                c->interface, capture_link_name(&n->capture), CAPTURE_SNAP_BYTES,
                n->capture.nanoseconds ? "ns" : "us", dropped);
    if (n->broken.kind)
        result_note(r, "The capture ended early: %.200s.", n->broken.msg);
    else if (!n->whole)
        result_note(r, "It ended before --for was over; give a longer --budget.");
    if (dropped * NET_DROPPED_SHARE > packets)
        result_set_status(r, STATUS_UNTRUSTED,
                          "%" PRIu64 " packets were not captured beside %" PRIu64
                          " that were: name fewer with --port",
                          dropped, packets);
}

static void net_passive_judge(struct probe_run *run)
{
    struct net_passive *n = run->state;
    const uint64_t *sent = n->passive.counts.sent;
    struct err e;
    if (n->capture.live)
        net_passive_note_live(n, run->conf, run->result);
    else
        net_passive_note_file(n, run->conf, run->result);
    if (passive_tell_nothing(&n->passive, &e)) {
        result_set_status(run->result, STATUS_FAILED, "%s", e.msg);
        return;
    }
    net_passive_tell_ratio(run, "net.passive.retransmitted", sent[ACKRTT_AGAIN]);
    net_passive_tell_ratio(run, "net.passive.reordered", sent[ACKRTT_REORDERED]);
    if (result_summarise(run->result, &e))
        result_note(run->result, "The medians are not told: %s.", e.msg);
    passive_tell(&n->passive, run->result);
}

static void net_passive_teardown(struct probe_run *run)
{
    struct net_passive *n = run->state;
    if (!n)
        return;
    capture_close(&n->capture);
    passive_release(&n->passive);
    free(n);
    run->state = NULL;
}

const struct probe net_passive = {
    .name = "net.passive",
    .title = "Round trips of live TCP traffic",
    .why = "What etcd, API servers and agents feel is the round trip of their own connections: it "
           "is seen on a production cluster without a packet more on its network.",
    .source = "RFC 9293, RFC 7323, RFC 6298 (Karn); etcd Documentation/tuning.md (heartbeat and "
              "election from the round trip)",
    .weight = 6,
    .repetition_ns = CLK_NS_PER_S,
    .opts = net_passive_opts,
    .conf_size = sizeof(struct net_passive_conf),
    .metrics = net_passive_metrics,
    .supported = net_passive_supported,
    .setup = net_passive_setup,
    .measure = net_passive_measure,
    .judge = net_passive_judge,
    .teardown = net_passive_teardown,
};
