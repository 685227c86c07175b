#include <stdlib.h>
#include <string.h>

#include "probes/disk/disk.h"
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

enum {
    DISK_WAL_SLOW_MAX = 32,
    DISK_WAL_SAMPLES_MIN = 100
};

#define DISK_WAL_WARM_NS  (300 * (uint64_t)CLK_NS_PER_MS)
#define DISK_WAL_SLOW_NS  (100 * (uint64_t)CLK_NS_PER_MS)
#define DISK_WAL_RATE_MAX 50000 /* appends a second that the write budget allows for */

struct disk_wal_state {
    struct wal wal;

    struct disk_wal_slow {
        uint64_t at_ns, took_ns;
    } slow[DISK_WAL_SLOW_MAX]; /* appends above 100 ms: a heartbeat of etcd */

    unsigned slow_count;
};

static int disk_wal_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    const struct disk_wal_conf *c = conf;
    if (c->record_bytes > c->segment_bytes)
        return err_set(e, ERR_USAGE, 0, "disk.wal.record is larger than disk.wal.segment");
    return terms_check(site, 2 * c->segment_bytes, e);
}

static int disk_wal_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                             struct probe_cost *cost, struct err *e)
{
    const struct disk_wal_conf *c = conf;
    (void)site;
    (void)e;
    double appends = (double)slot_ns / CLK_NS_PER_S * DISK_WAL_RATE_MAX;
    cost->write_bytes = (uint64_t)(appends * (double)c->record_bytes);
    cost->setup_ns = DISK_WAL_WARM_NS;
    return 0;
}

static int disk_wal_setup(struct probe_run *run, struct err *e)
{
    const struct disk_wal_conf *c = run->conf;
    struct disk_wal_state *s = calloc(1, sizeof *s);
    uint64_t latency = 0;
    uint64_t sync = 0;
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the log");
    if (wal_open(&s->wal, run->scratch_fd, (uint32_t)c->record_bytes, c->segment_bytes, run->seed,
                 e))
        return -1;
    uint64_t end = clk_now_ns() + DISK_WAL_WARM_NS;
    while (clk_now_ns() < end && !*run->stopping) {
        if (wal_append(&s->wal, &latency, &sync, e))
            return -1;
    }
    return 0;
}

static void disk_wal_remember(struct probe_run *run, struct disk_wal_state *s, uint64_t took_ns)
{
    if (took_ns >= DISK_WAL_SLOW_NS && s->slow_count < DISK_WAL_SLOW_MAX) {
        s->slow[s->slow_count++] =
            (struct disk_wal_slow){ .at_ns = clk_now_ns() - took_ns - run->run_start_ns,
                                    .took_ns = took_ns };
    }
}

static int disk_wal_measure(struct probe_run *run, struct err *e)
{
    struct disk_wal_state *s = run->state;
    uint64_t start = clk_now_ns();
    uint64_t now = start;
    uint64_t count = 0;
    uint64_t latency = 0;
    uint64_t sync = 0;
    while (now < run->until_ns && !*run->stopping &&
           s->wal.written_bytes + s->wal.record_bytes <= run->write_budget_bytes) {
        if (wal_append(&s->wal, &latency, &sync, e))
            return -1;
        hist_record(&run->hists[DISK_WAL], latency);
        hist_record(&run->hists[DISK_WAL_SYNC], sync);
        disk_wal_remember(run, s, latency);
        count++;
        now = clk_now_ns();
    }
    if (count)
        run->values[DISK_WAL_RATE] = (double)count * CLK_NS_PER_S / (double)(now - start);
    return 0;
}

static void disk_wal_judge(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    uint64_t samples = 0;
    for (unsigned i = 0; i < run->result->metrics[DISK_WAL].block_count; i++)
        samples += run->result->metrics[DISK_WAL].blocks[i].n;
    for (unsigned i = 0; i < s->slow_count; i++)
        result_event(run->result, s->slow[i].at_ns, s->slow[i].took_ns,
                     "append and fdatasync %.0f ms", (double)s->slow[i].took_ns / CLK_NS_PER_MS);
    run->result->written_bytes = s->wal.written_bytes;
    terms_note(run);
    result_note(run->result,
                "Closed loop: the next append begins when the last one is durable, as a "
                "log writer works; 0.3 s of warm-up are left out.");
    if (samples < DISK_WAL_SAMPLES_MIN)
        result_set_status(run->result, STATUS_UNTRUSTED,
                          "only %llu appends were done: too few for a p99; give a longer --budget",
                          (unsigned long long)samples);
}

static void disk_wal_teardown(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    if (s)
        wal_release(&s->wal);
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
    .needs = PROBE_NEEDS_SCRATCH,
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
