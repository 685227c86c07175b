#include <inttypes.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/terms.h"
#include "probes/disk/wal.h"
#include "probes/kit/clk.h"

struct disk_wal_conf {
    uint64_t record_bytes;
    uint64_t segment_bytes;
};

static const struct opt disk_wal_opts[] = {
    OPT_BYTES(struct disk_wal_conf, record_bytes, .name = "record", .initial = "2300", .min = 1,
              .max = 1 << 20, .help = "Bytes of one append; etcd's are about 2300."),
    OPT_BYTES(struct disk_wal_conf, segment_bytes, .name = "segment", .initial = "64MiB",
              .min = 1 << 20, .max = 1 << 30,
              .help = "Bytes of one preallocated segment; etcd's are 64 MiB."),
    OPT_END,
};

enum {
    DISK_WAL,
    DISK_WAL_SYNC,
    DISK_WAL_RATE
};

static const struct metric disk_wal_metrics[] = {
    [DISK_WAL] = {"disk.wal",       UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p50 p99 p99.9 max",
                  "How long one append with its fdatasync takes, one writer, back to back."},
    [DISK_WAL_SYNC] = { "disk.wal.sync", UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "",
                  "How long the fdatasync alone takes."                                    },
    [DISK_WAL_RATE] = { "disk.wal.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                  "Synced appends a second by one writer."                                 },
    METRIC_END,
};

/* etcd's heartbeat interval: a sync that lasts longer delays one.
 * SOURCE: etcd server/embed/config.go TickMs */
#define DISK_WAL_SLOW_NS (100 * (uint64_t)CLK_NS_PER_MS)
#define DISK_WAL_WARM_NS (300 * (uint64_t)CLK_NS_PER_MS)

enum {
    DISK_WAL_WARM_SHARE = 10,        /* of the slot, at most, for the warm-up */
    DISK_WAL_BUDGET_RATE = 64 << 20, /* bytes a second that may be written: 29,000 appends */
    DISK_WAL_SLOW_MAX = 32,          /* events kept: the longest */
    DISK_WAL_TAIL_SAMPLES = 1000,    /* from here on p99 tells what is slow for this disk */
    DISK_WAL_TAIL_FACTOR = 10        /* times p99 */
};

struct disk_wal_slow {
    uint64_t ended_ns; /* CLOCK_MONOTONIC */
    uint64_t latency_ns, sync_ns;
};

struct disk_wal_state {
    struct wal wal;
    struct hist seen; /* all repetitions */
    uint64_t observed_ns;
    uint64_t slow_total;
    unsigned slow_count;
    bool exhausted; /* the write budget is used up */
    struct disk_wal_slow slow[DISK_WAL_SLOW_MAX];
};

static int disk_wal_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct disk_wal_conf *c = conf;
    if (c->record_bytes > c->segment_bytes)
        return err_set(e, ERR_USAGE, 0,
                       "disk.wal.record=%" PRIu64 " is larger than disk.wal.segment=%" PRIu64,
                       c->record_bytes, c->segment_bytes);
    return terms_check(site, c->segment_bytes, e);
}

static int disk_wal_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                             struct probe_cost *cost, struct err *e)
{
    (void)site;
    (void)conf;
    (void)e;
    cost->write_bytes = (uint64_t)((double)slot_ns / CLK_NS_PER_S * DISK_WAL_BUDGET_RATE);
    cost->setup_ns = DISK_WAL_WARM_NS;
    return 0;
}

static bool disk_wal_goes_on(const struct disk_wal_state *s, const struct probe_run *run,
                             uint64_t now_ns, uint64_t until_ns)
{
    uint64_t left = run->write_budget_bytes - s->wal.written_bytes;
    return now_ns < until_ns && !*run->stopping && left >= s->wal.record_bytes;
}

static int disk_wal_warm(struct disk_wal_state *s, struct probe_run *run, struct err *e)
{
    uint64_t share_ns = run->slot_ns / DISK_WAL_WARM_SHARE;
    uint64_t now_ns = clk_now_ns();
    uint64_t until_ns = now_ns + (share_ns < DISK_WAL_WARM_NS ? share_ns : DISK_WAL_WARM_NS);
    for (; disk_wal_goes_on(s, run, now_ns, until_ns); now_ns = clk_now_ns()) {
        uint64_t latency_ns = 0;
        uint64_t sync_ns = 0;
        if (wal_append(&s->wal, &latency_ns, &sync_ns, e))
            return err_wrap(e, "'%s'", run->site->dir);
    }
    return 0;
}

static int disk_wal_setup(struct probe_run *run, struct err *e)
{
    const struct disk_wal_conf *c = run->conf;
    struct disk_wal_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of the log");
    if (hist_open(&s->seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    if (wal_open(&s->wal, run->scratch_fd, (uint32_t)c->record_bytes, c->segment_bytes, run->seed,
                 e))
        return err_wrap(e, "'%s'", run->site->dir);
    int status = disk_wal_warm(s, run, e);
    run->result->written_bytes = s->wal.written_bytes;
    return status;
}

/* Longer than this is an event: a heartbeat, or far beyond what is usual for this disk. */
static uint64_t disk_wal_slow_from(const struct disk_wal_state *s)
{
    if (s->seen.total < DISK_WAL_TAIL_SAMPLES)
        return DISK_WAL_SLOW_NS;
    uint64_t tail_ns = DISK_WAL_TAIL_FACTOR * hist_quantile(&s->seen, 0.99);
    return tail_ns < DISK_WAL_SLOW_NS ? tail_ns : DISK_WAL_SLOW_NS;
}

/* Keeps the longest; when full, the shortest gives way. */
static void disk_wal_remember(struct disk_wal_state *s, const struct disk_wal_slow *slow)
{
    s->slow_total++;
    if (s->slow_count < DISK_WAL_SLOW_MAX) {
        s->slow[s->slow_count++] = *slow;
        return;
    }
    unsigned least = 0;
    for (unsigned i = 1; i < DISK_WAL_SLOW_MAX; i++)
        least = s->slow[i].latency_ns < s->slow[least].latency_ns ? i : least;
    if (slow->latency_ns > s->slow[least].latency_ns)
        s->slow[least] = *slow;
}

static int disk_wal_repeat(struct disk_wal_state *s, struct probe_run *run, struct err *e)
{
    uint64_t slow_ns = disk_wal_slow_from(s);
    uint64_t now_ns = clk_now_ns();
    for (; disk_wal_goes_on(s, run, now_ns, run->until_ns); now_ns = clk_now_ns()) {
        struct disk_wal_slow took = { 0 };
        if (wal_append(&s->wal, &took.latency_ns, &took.sync_ns, e))
            return err_wrap(e, "'%s'", run->site->dir);
        hist_record(&run->hists[DISK_WAL], took.latency_ns);
        hist_record(&run->hists[DISK_WAL_SYNC], took.sync_ns);
        if (took.latency_ns > slow_ns) {
            took.ended_ns = clk_now_ns();
            disk_wal_remember(s, &took);
        }
    }
    return 0;
}

static int disk_wal_measure(struct probe_run *run, struct err *e)
{
    struct disk_wal_state *s = run->state;
    const struct hist *latency = &run->hists[DISK_WAL];
    uint64_t began_ns = clk_now_ns();
    int status = disk_wal_repeat(s, run, e);
    uint64_t observed_ns = clk_now_ns() - began_ns;
    if (latency->total > 0 && observed_ns > 0) {
        run->values[DISK_WAL_RATE] = (double)latency->total * CLK_NS_PER_S / (double)observed_ns;
        hist_merge(&s->seen, latency);
        s->observed_ns += observed_ns;
    }
    run->result->written_bytes = s->wal.written_bytes;
    if (run->write_budget_bytes - s->wal.written_bytes < s->wal.record_bytes) {
        s->exhausted = true;
        run->slot_end_ns = clk_now_ns(); /* done: the time goes to the other probes */
    }
    return status;
}

static int disk_wal_by_time(const void *a, const void *b)
{
    const struct disk_wal_slow *x = a;
    const struct disk_wal_slow *y = b;
    return x->ended_ns < y->ended_ns ? -1 : x->ended_ns > y->ended_ns;
}

static void disk_wal_tell_slow(struct disk_wal_state *s, struct probe_run *run)
{
    qsort(s->slow, s->slow_count, sizeof s->slow[0], disk_wal_by_time);
    for (unsigned i = 0; i < s->slow_count; i++) {
        const struct disk_wal_slow *slow = &s->slow[i];
        char took[UNITS_TEXT_BYTES];
        bool in_sync = slow->sync_ns >= slow->latency_ns / 2;
        uint64_t part_ns = in_sync ? slow->sync_ns : slow->latency_ns - slow->sync_ns;
        result_event(run->result, slow->ended_ns - slow->latency_ns - run->run_start_ns,
                     slow->latency_ns, "%s %s", in_sync ? "fdatasync" : "write",
                     units_format((double)part_ns, UNIT_NS, took));
    }
    if (s->slow_total > s->slow_count)
        result_note(run->result,
                    "%" PRIu64 " appends were slow; the %u longest are listed as events.",
                    s->slow_total, s->slow_count);
}

static void disk_wal_judge(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    terms_note(run);
    result_note(run->result,
                "%" PRIu32 "-byte appends to a preallocated segment of %" PRIu64
                " MiB, fdatasync after each; closed loop, back to back, as a log writer waits for "
                "its own sync. The first moments are left out.",
                s->wal.record_bytes, s->wal.segment_bytes >> 20);
    if (s->exhausted)
        result_note(run->result, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes >> 20);
    disk_wal_tell_slow(s, run);
    doubt_few(run->result, "disk.wal", &s->seen, s->observed_ns);
    doubt_overhead(run->result, "disk.wal", &s->seen, clk_cost_ns());
}

static void disk_wal_teardown(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    if (!s)
        return;
    wal_release(&s->wal);
    hist_release(&s->seen);
    free(s);
    run->state = NULL;
}

const struct probe disk_wal = {
    .name = "disk.wal",
    .title = "Durable append latency",
    .why =
        "etcd, swarmkit, ZooKeeper and Mesos keep their log so; in etcd and swarmkit no heartbeat "
        "leaves the leader while one fdatasync lasts.",
    .source = "etcd server/storage/wal/wal.go and server/etcdserver/raft.go; etcd FAQ: p99 of "
              "the WAL's fsync below 10 ms",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK,
    .weight = 12,
    .repetition_ns = 500 * (uint64_t)CLK_NS_PER_MS,
    .opts = disk_wal_opts,
    .conf_size = sizeof(struct disk_wal_conf),
    .metrics = disk_wal_metrics,
    .supported = disk_wal_supported,
    .estimate = disk_wal_estimate,
    .setup = disk_wal_setup,
    .measure = disk_wal_measure,
    .judge = disk_wal_judge,
    .teardown = disk_wal_teardown,
};
