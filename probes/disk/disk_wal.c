#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/slow.h"
#include "probes/disk/terms.h"
#include "probes/disk/wal.h"
#include "probes/kit/clk.h"

struct disk_wal_conf {
    uint64_t record_bytes;
    uint64_t segment_bytes;
    bool alone;
};

static const struct opt disk_wal_opts[] = {
    OPT_BYTES(struct disk_wal_conf, record_bytes, .name = "record", .initial = "2300", .min = 1,
              .max = 1 << 20, .help = "Bytes of one append; etcd's are about 2300."),
    OPT_BYTES(struct disk_wal_conf, segment_bytes, .name = "segment", .initial = "64MiB",
              .min = 1 << 20, .max = 1 << 30,
              .help = "Bytes of one preallocated segment; etcd's are 64 MiB."),
    OPT_FLAG(struct disk_wal_conf, alone, .name = "alone",
             .help = "Gives etcd's log all of the time and leaves out the other kinds of log, to "
                     "look longer for rare stalls."),
    OPT_END,
};

enum {
    DISK_WAL,
    DISK_WAL_SYNC,
    DISK_WAL_RATE,
    DISK_WAL_8K,
    DISK_WAL_8K_RATE,
    DISK_WAL_ZOOKEEPER,
    DISK_WAL_BOLT,
    DISK_WAL_LEVELDB,
    DISK_WAL_NONE /* no such row */
};

/* clang-format off */
static const struct metric disk_wal_metrics[] = {
    [DISK_WAL] = { "disk.wal", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50 p99 p99.9 max",
        "How long one append with its fdatasync takes, one writer, back to back." },
    [DISK_WAL_SYNC] = { "disk.wal.sync", UNIT_NS, METRIC_LOWER, METRIC_HIST, "",
        "How long the fdatasync alone takes." },
    [DISK_WAL_RATE] = { "disk.wal.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
        "Synced appends a second by one writer." },
    [DISK_WAL_8K] = { "disk.wal.8k", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50",
        "The same with records of 8000 bytes, as OpenShift checks the disk of etcd." },
    [DISK_WAL_8K_RATE] = { "disk.wal.8k.rate", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "",
        "Synced appends of 8000 bytes a second by one writer." },
    [DISK_WAL_ZOOKEEPER] = { "disk.wal.zookeeper", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50",
        "One append with its fdatasync to a sparse file, as ZooKeeper pads its log: the sync "
        "allocates." },
    [DISK_WAL_BOLT] = { "disk.wal.bolt", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50",
        "One commit of bbolt, as in Nomad and Consul: pages, fdatasync, a meta page, fdatasync." },
    [DISK_WAL_LEVELDB] = { "disk.wal.leveldb", UNIT_NS, METRIC_LOWER, METRIC_HIST, "p50",
        "One append with its fdatasync to a file that grows, as LevelDB's log in a Mesos master: "
        "the sync records a new size." },
    METRIC_END,
};

/* clang-format on */

static const struct disk_wal_rows {
    unsigned latency, sync, rate;
} disk_wal_rows[WAL_KINDS] = {
    [WAL_ETCD] = {DISK_WAL,            DISK_WAL_SYNC, DISK_WAL_RATE   },
    [WAL_8K] = { DISK_WAL_8K,        DISK_WAL_NONE, DISK_WAL_8K_RATE},
    [WAL_ZOOKEEPER] = { DISK_WAL_ZOOKEEPER, DISK_WAL_NONE, DISK_WAL_NONE   },
    [WAL_BOLT] = { DISK_WAL_BOLT,      DISK_WAL_NONE, DISK_WAL_NONE   },
    [WAL_LEVELDB] = { DISK_WAL_LEVELDB,   DISK_WAL_NONE, DISK_WAL_NONE   },
};

/* etcd's heartbeat interval: a sync that lasts longer delays one.
 * SOURCE: etcd server/embed/config.go TickMs */
#define DISK_WAL_WARM_NS (300 * (uint64_t)CLK_NS_PER_MS)
/* In a shorter slot etcd's log has all the time. */
#define DISK_WAL_KINDS_NS CLK_NS_PER_S
/* A shorter turn sees too few appends of a slow disk to be worth it. */
#define DISK_WAL_TURN_NS (20 * (uint64_t)CLK_NS_PER_MS)

enum {
    DISK_WAL_WARM_SHARE = 10,  /* of the slot, at most, for the warm-up of etcd's log */
    DISK_WAL_OTHER_SHARE = 10, /* of that, for the warm-up of each other */
    /* Every third turn is another's: etcd's rare stalls are judged, and need the time. */
    DISK_WAL_CYCLE = 3,
    DISK_WAL_TURNS = DISK_WAL_CYCLE * (WAL_KINDS - 1), /* until each kind had one */
    DISK_WAL_BUDGET_RATE = 64 << 20 /* bytes a second that may be written: 29,000 appends */
};

struct disk_wal_log {
    bool open; /* takes its turns */
    struct wal wal;
    struct hist seen; /* all repetitions */
    uint64_t observed_ns;
    struct err full; /* why it takes no more turns; ERR_NONE: no space was lacking */
};

struct disk_wal_state {
    struct disk_wal_log logs[WAL_KINDS];
    uint64_t turn_ns;
    uint64_t closed_bytes; /* written by logs that are closed already */
    bool has_others;       /* logs than etcd's, at first */
    bool exhausted;        /* the write budget is used up */
    struct slow slow;      /* of etcd's */
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

static uint64_t disk_wal_written(const struct disk_wal_state *s)
{
    uint64_t bytes = s->closed_bytes;
    for (unsigned i = 0; i < WAL_KINDS; i++)
        bytes += s->logs[i].wal.written_bytes;
    return bytes;
}

static uint64_t disk_wal_left(const struct disk_wal_state *s, const struct probe_run *run)
{
    return run->write_budget_bytes - disk_wal_written(s);
}

static bool disk_wal_goes_on(const struct disk_wal_state *s, const struct disk_wal_log *log,
                             const struct probe_run *run, uint64_t until_ns)
{
    return clk_now_ns() < until_ns && !*run->stopping &&
           disk_wal_left(s, run) >= wal_append_bytes(&log->wal);
}

static int disk_wal_warm(struct disk_wal_state *s, struct disk_wal_log *log, struct probe_run *run,
                         uint64_t length_ns, struct err *e)
{
    uint64_t until_ns = clk_now_ns() + length_ns;
    while (disk_wal_goes_on(s, log, run, until_ns)) {
        uint64_t latency_ns = 0;
        uint64_t sync_ns = 0;
        if (wal_append(&log->wal, &latency_ns, &sync_ns, e))
            return -1;
    }
    return 0;
}

/*
 * A log that finds no space, other than etcd's, which is judged: it is closed, its space is the
 * others', and what it measured stays. Whether that was it.
 */
static bool disk_wal_close_full(struct disk_wal_state *s, unsigned index, const struct err *why)
{
    struct disk_wal_log *log = &s->logs[index];
    if (index == WAL_ETCD || (why->sys != ENOSPC && why->sys != EDQUOT))
        return false;
    s->closed_bytes += log->wal.written_bytes;
    wal_release(&log->wal);
    log->full = *why;
    log->open = false;
    return true;
}

static int disk_wal_open(struct disk_wal_state *s, unsigned index, const struct wal_kind *kind,
                         struct probe_run *run, struct err *e)
{
    struct disk_wal_log *log = &s->logs[index];
    uint64_t warm_ns = run->slot_ns / DISK_WAL_WARM_SHARE;
    warm_ns = warm_ns < DISK_WAL_WARM_NS ? warm_ns : DISK_WAL_WARM_NS;
    log->open = true;
    if (hist_open(&log->seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    if (wal_open_kind(&log->wal, run->scratch_fd, kind, run->seed, e) ||
        disk_wal_warm(s, log, run, index == WAL_ETCD ? warm_ns : warm_ns / DISK_WAL_OTHER_SHARE, e))
        return disk_wal_close_full(s, index, e)
                   ? 0
                   : err_wrap(e, "'%s': the log of %s", run->site->dir, kind->name);
    return 0;
}

/* Whether there is time, space and write budget for the other kinds too. */
static bool disk_wal_has_others(const struct disk_wal_state *s, const struct probe_run *run)
{
    const struct disk_wal_conf *c = run->conf;
    uint64_t space_bytes = c->segment_bytes;
    uint64_t fill_bytes = 0;
    for (unsigned i = WAL_ETCD + 1; i < WAL_KINDS; i++) {
        space_bytes += wal_kinds[i].segment_bytes;
        fill_bytes += wal_fill_bytes(&wal_kinds[i]);
    }
    return !c->alone && run->slot_ns >= DISK_WAL_KINDS_NS &&
           place_writable_bytes(run->site->place) >= space_bytes &&
           disk_wal_left(s, run) >= fill_bytes;
}

static int disk_wal_open_all(struct disk_wal_state *s, struct probe_run *run, struct err *e)
{
    const struct disk_wal_conf *c = run->conf;
    struct wal_kind etcd = wal_kinds[WAL_ETCD];
    etcd.record_bytes = (uint32_t)c->record_bytes;
    etcd.segment_bytes = c->segment_bytes;
    int status = disk_wal_open(s, WAL_ETCD, &etcd, run, e);
    for (unsigned i = WAL_ETCD + 1; i < WAL_KINDS && !status && disk_wal_has_others(s, run); i++) {
        s->has_others = true;
        status = disk_wal_open(s, i, &wal_kinds[i], run, e);
    }
    return status;
}

static int disk_wal_setup(struct probe_run *run, struct err *e)
{
    struct disk_wal_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of the logs");
    s->turn_ns = run->slot_ns / (DISK_WAL_TURNS + 1);
    s->turn_ns = s->turn_ns > DISK_WAL_TURN_NS ? s->turn_ns : DISK_WAL_TURN_NS;
    int status = disk_wal_open_all(s, run, e);
    run->result->written_bytes = disk_wal_written(s);
    return status;
}

/* Whose turn it is: two for etcd's log, one for the next of the others. */
static unsigned disk_wal_whose(const struct disk_wal_state *s, unsigned repetition)
{
    unsigned other = WAL_ETCD + 1 + repetition / DISK_WAL_CYCLE % (WAL_KINDS - 1);
    bool others = repetition % DISK_WAL_CYCLE == DISK_WAL_CYCLE - 1;
    return others && s->logs[other].open ? other : WAL_ETCD;
}

static int disk_wal_repeat(struct disk_wal_state *s, unsigned index, struct probe_run *run,
                           uint64_t until_ns, struct err *e)
{
    struct disk_wal_log *log = &s->logs[index];
    const struct disk_wal_rows *rows = &disk_wal_rows[index];
    uint64_t slow_ns = index == WAL_ETCD ? slow_from_ns(&log->seen) : UINT64_MAX;
    while (disk_wal_goes_on(s, log, run, until_ns)) {
        struct slow_append took = { 0 };
        if (wal_append(&log->wal, &took.latency_ns, &took.sync_ns, e))
            return disk_wal_close_full(s, index, e)
                       ? 0
                       : err_wrap(e, "'%s': the log of %s", run->site->dir, wal_kinds[index].name);
        hist_record(&run->hists[rows->latency], took.latency_ns);
        if (rows->sync != DISK_WAL_NONE)
            hist_record(&run->hists[rows->sync], took.sync_ns);
        if (took.latency_ns > slow_ns) {
            took.ended_ns = clk_now_ns();
            slow_keep(&s->slow, &took);
        }
    }
    return 0;
}

static void disk_wal_keep(struct disk_wal_log *log, const struct disk_wal_rows *rows,
                          struct probe_run *run, uint64_t observed_ns)
{
    const struct hist *latency = &run->hists[rows->latency];
    if (latency->total == 0 || observed_ns == 0)
        return;
    if (rows->rate != DISK_WAL_NONE)
        run->values[rows->rate] = (double)latency->total * CLK_NS_PER_S / (double)observed_ns;
    hist_merge(&log->seen, latency);
    log->observed_ns += observed_ns;
}

static int disk_wal_measure(struct probe_run *run, struct err *e)
{
    struct disk_wal_state *s = run->state;
    unsigned index = disk_wal_whose(s, run->repetition);
    uint64_t began_ns = clk_now_ns();
    uint64_t turn_ns = began_ns + s->turn_ns;
    int status =
        disk_wal_repeat(s, index, run, turn_ns < run->until_ns ? turn_ns : run->until_ns, e);
    disk_wal_keep(&s->logs[index], &disk_wal_rows[index], run, clk_now_ns() - began_ns);
    run->result->written_bytes = disk_wal_written(s);
    s->exhausted = disk_wal_left(s, run) < wal_append_bytes(&s->logs[WAL_ETCD].wal);
    run->done = s->exhausted; /* the time goes to the other probes */
    return status;
}

/* Rare events are worth what they were looked for. */
static void disk_wal_note_time(const struct disk_wal_state *s, struct probe_run *run)
{
    char time[UNITS_TEXT_BYTES];
    const struct disk_wal_log *log = &s->logs[WAL_ETCD];
    if (log->seen.total == 0)
        return;
    result_note(run->result,
                "p99.9 and max are of %" PRIu64 " appends in %s: what comes more seldom was not "
                "seen.",
                log->seen.total, units_format((double)log->observed_ns, UNIT_NS, time));
}

/* Too few of another kind are its own matter: etcd's log is what is judged. */
static void disk_wal_note_others(const struct disk_wal_state *s, struct probe_run *run)
{
    for (unsigned i = WAL_ETCD + 1; i < WAL_KINDS; i++) {
        const struct wal_kind *kind = &wal_kinds[i];
        char time[UNITS_TEXT_BYTES];
        const struct disk_wal_log *log = &s->logs[i];
        if (log->full.kind != ERR_NONE)
            result_note(run->result,
                        "There was no space for more of the log of %s (%s): %s; the other logs "
                        "went on.",
                        kind->name, kind->who, log->full.msg);
        if (log->seen.total == 0)
            continue;
        result_note(run->result,
                    "disk.wal.%s is the log of %s: %" PRIu32 " bytes into %s, %s; %" PRIu64
                    " appends in %s%s.",
                    kind->name, kind->who, kind->record_bytes, wal_spaces[kind->space],
                    kind->meta_bytes ? "fdatasync, a page of 4 KiB, fdatasync" : "fdatasync after",
                    log->seen.total, units_format((double)log->observed_ns, UNIT_NS, time),
                    log->seen.total < DOUBT_SAMPLES ? ", too few for a p99" : "");
    }
    if (!s->has_others)
        result_note(run->result, "Only etcd's log was measured: the others were not asked for, or "
                                 "there was too little time or space for them.");
}

static void disk_wal_judge(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    const struct disk_wal_log *log = &s->logs[WAL_ETCD];
    terms_note(run);
    result_note(run->result,
                "%" PRIu32 "-byte appends to a preallocated segment of %" PRIu64
                " MiB, fdatasync after each; closed loop, back to back, as a log writer waits for "
                "its own sync. The first moments are left out.",
                log->wal.record_bytes, log->wal.segment_bytes >> 20);
    disk_wal_note_time(s, run);
    disk_wal_note_others(s, run);
    if (s->exhausted)
        result_note(run->result, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes >> 20);
    slow_tell(&s->slow, run->run_start_ns, run->result);
    doubt_few(run->result, "disk.wal", &log->seen, log->observed_ns);
    doubt_overhead(run->result, "disk.wal", &log->seen, clk_cost_ns());
}

static void disk_wal_teardown(struct probe_run *run)
{
    struct disk_wal_state *s = run->state;
    if (!s)
        return;
    for (unsigned i = 0; i < WAL_KINDS; i++) {
        wal_release(&s->logs[i].wal);
        hist_release(&s->logs[i].seen);
    }
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
    .weight = 14,
    .repetition_ns = 250 * (uint64_t)CLK_NS_PER_MS,
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
