#include <inttypes.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/ground.h"
#include "probes/kit/clk.h"

#define DISK_STREAM_MIB UINT64_C(1048576)
/* What may be overwritten for each second of the slot, and at most: a disk that takes more than
 * this is not what is slow in pulling an image or taking a snapshot. */
#define DISK_STREAM_WRITE_RATE (256 * DISK_STREAM_MIB)
#define DISK_STREAM_WRITE_MOST (2048 * DISK_STREAM_MIB)
/* Reads are timed over two whole slices of a limiter (Linux blk-throttle: 100 ms), once the queue
 * has been full for a moment: else what a slice gives at once would count twice. */
#define DISK_STREAM_WARM_NS (25 * (uint64_t)CLK_NS_PER_MS)
#define DISK_STREAM_TURN_NS (DISK_STREAM_WARM_NS + 200 * (uint64_t)CLK_NS_PER_MS)

enum {
    DISK_STREAM_BLOCK_BYTES = 1 << 20,
    DISK_STREAM_DEPTH = 8,
    DISK_STREAM_LEAST = 16,     /* blocks of one turn of writes: twice the depth */
    DISK_STREAM_TURN_SHARE = 8, /* of the slot, at most, for one turn; of that, for its start */
    DISK_STREAM_SIDES = 2
};

/* Rows, and the two directions in the order of their turns. */
enum {
    DISK_STREAM_READ,
    DISK_STREAM_READ_NS,
    DISK_STREAM_WRITE,
    DISK_STREAM_WRITE_NS
};

/* clang-format off */
static const struct metric disk_stream_metrics[] = {
    [DISK_STREAM_READ] = { "disk.stream.read", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN,
        "value", "Sequential reads of 1 MiB at depth 8." },
    [DISK_STREAM_READ_NS] = { "disk.stream.read.latency", UNIT_NS, METRIC_LOWER, METRIC_HIST, "",
        "How long one of these reads takes among the others." },
    [DISK_STREAM_WRITE] = { "disk.stream.write", UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN,
        "value", "Sequential overwrites of 1 MiB at depth 8." },
    [DISK_STREAM_WRITE_NS] = { "disk.stream.write.latency", UNIT_NS, METRIC_LOWER, METRIC_HIST, "",
        "How long one of these overwrites takes among the others." },
    METRIC_END,
};

/* clang-format on */

struct disk_stream_side {
    struct pattern pattern;
    struct hist seen; /* all repetitions */
    uint64_t observed_ns;
};

struct disk_stream_state {
    struct ground ground;
    struct disk_stream_side sides[DISK_STREAM_SIDES]; /* reads, writes */
    uint64_t turn_ns, warm_ns;
    bool exhausted; /* the write budget is used up */
};

static int disk_stream_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                                struct probe_cost *cost, struct err *e)
{
    (void)e;
    uint64_t over = (uint64_t)((double)slot_ns / CLK_NS_PER_S * (double)DISK_STREAM_WRITE_RATE);
    over = over < DISK_STREAM_WRITE_MOST ? over : DISK_STREAM_WRITE_MOST;
    cost->write_bytes = ground_file_bytes(site, conf, slot_ns) + over;
    cost->setup_ns = ground_setup_ns(conf, slot_ns);
    return 0;
}

static int disk_stream_setup(struct probe_run *run, struct err *e)
{
    struct disk_stream_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of sequential I/O");
    s->turn_ns = run->slot_ns / DISK_STREAM_TURN_SHARE;
    s->turn_ns = s->turn_ns < DISK_STREAM_TURN_NS ? s->turn_ns : DISK_STREAM_TURN_NS;
    s->warm_ns = s->turn_ns / DISK_STREAM_TURN_SHARE;
    s->warm_ns = s->warm_ns < DISK_STREAM_WARM_NS ? s->warm_ns : DISK_STREAM_WARM_NS;
    struct ground_plan plan = ground_usual(run, DISK_STREAM_BLOCK_BYTES, DISK_STREAM_DEPTH);
    if (ground_open(&s->ground, run, &plan, e))
        return -1;
    for (unsigned i = 0; i < DISK_STREAM_SIDES; i++) {
        pattern_init(&s->sides[i].pattern, PATTERN_SEQUENTIAL, s->ground.bed.bytes,
                     DISK_STREAM_BLOCK_BYTES, run->seed + i);
        if (hist_open(&s->sides[i].seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    return 0;
}

/* What one turn of writes may write, so that the budget lasts until the slot ends. */
static uint64_t disk_stream_share(const struct disk_stream_state *s, const struct probe_run *run)
{
    const uint64_t least = (uint64_t)DISK_STREAM_LEAST * DISK_STREAM_BLOCK_BYTES;
    uint64_t left = ground_left(&s->ground, run);
    uint64_t now_ns = clk_now_ns();
    uint64_t pair_ns = DISK_STREAM_SIDES * s->turn_ns;
    if (now_ns + pair_ns >= run->slot_end_ns)
        return left;
    double part = (double)pair_ns / (double)(run->slot_end_ns - now_ns);
    uint64_t share = (uint64_t)((double)left * part);
    share = share > least ? share : least;
    return share < left ? share : left;
}

/* A burst of writes ends with its bytes and has no time fixed beforehand. */
static void disk_stream_keep(struct probe_run *run, struct disk_stream_side *side, unsigned row,
                             const struct drive_count *count)
{
    bool timed = count->timed_count >= DISK_STREAM_DEPTH && count->timed_ns > 0;
    uint64_t blocks = timed ? count->timed_count : count->completed;
    uint64_t observed_ns = timed ? count->timed_ns : count->ended_ns - count->began_ns;
    if (blocks == 0 || observed_ns == 0)
        return;
    run->values[row] =
        (double)blocks * DISK_STREAM_BLOCK_BYTES * CLK_NS_PER_S / (double)observed_ns;
    run->observed_ns[row] = observed_ns;
    run->observed_ns[row + 1] = observed_ns;
    hist_merge(&side->seen, &run->hists[row + 1]);
    side->observed_ns += observed_ns;
}

static int disk_stream_measure(struct probe_run *run, struct err *e)
{
    struct disk_stream_state *s = run->state;
    unsigned which = s->exhausted ? 0 : run->repetition % DISK_STREAM_SIDES;
    struct disk_stream_side *side = &s->sides[which];
    unsigned row = which ? DISK_STREAM_WRITE : DISK_STREAM_READ;
    uint64_t now_ns = clk_now_ns();
    uint64_t turn_ns = now_ns + s->turn_ns;
    struct drive_count count;
    struct drive drive = { .pattern = &side->pattern,
                           .depth = ground_depth(&s->ground, DISK_STREAM_DEPTH),
                           .write_percent = which ? 100 : 0,
                           .latency = &run->hists[row + 1],
                           .warm_until_ns = which ? 0 : now_ns + s->warm_ns,
                           .until_ns = turn_ns < run->until_ns ? turn_ns : run->until_ns,
                           .bytes_max = which ? disk_stream_share(s, run) : UINT64_MAX };
    int status = ground_drive(&s->ground, run, &drive, &count, e);
    disk_stream_keep(run, side, row, &count);
    s->exhausted = ground_left(&s->ground, run) < DISK_STREAM_BLOCK_BYTES;
    return status;
}

static void disk_stream_judge(struct probe_run *run)
{
    struct disk_stream_state *s = run->state;
    struct result *r = run->result;
    uint64_t clock_ns = tick_cost_ns(&s->ground.tick);
    ground_tell(&s->ground, run);
    result_note(r,
                "Sequential reads and overwrites of 1 MiB in turns, in a file of %" PRIu64
                " MiB, O_DIRECT, depth %u, closed loop, back to back.",
                s->ground.bed.bytes >> 20, ground_depth(&s->ground, DISK_STREAM_DEPTH));
    result_note(r,
                "Overwrites come in bursts spread over the slot, %" PRIu64 " MiB in all: a cache "
                "that takes a burst answers for the disk.",
                s->ground.overwritten_bytes >> 20);
    for (unsigned i = 0; i < DISK_STREAM_SIDES; i++) {
        const struct disk_stream_side *side = &s->sides[i];
        const char *id = disk_stream_metrics[i ? DISK_STREAM_WRITE_NS : DISK_STREAM_READ_NS].id;
        if (side->seen.total == 0) {
            result_note(r, "%s: its time was over before one was done.", id);
            continue;
        }
        doubt_few(r, id, &side->seen, side->observed_ns);
        doubt_overhead(r, id, &side->seen, clock_ns);
    }
}

static void disk_stream_teardown(struct probe_run *run)
{
    struct disk_stream_state *s = run->state;
    if (!s)
        return;
    ground_release(&s->ground);
    for (unsigned i = 0; i < DISK_STREAM_SIDES; i++)
        hist_release(&s->sides[i].seen);
    free(s);
    run->state = NULL;
}

const struct probe disk_stream = {
    .name = "disk.stream",
    .title = "Sequential throughput",
    .why = "Image layers, snapshots of the cluster's state and volume copies are read and written "
           "in long runs; a disk with a low cap on bytes a second makes nodes join and pods start "
           "late.",
    .source = "etcd op-guide/hardware (10 MB/s recovers 100 MB in 15 s, 100 MB/s 1 GB); "
              "HashiCorp Consul reference architecture (250 MB/s)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK,
    .weight = 3,
    .repetition_ns = DISK_STREAM_TURN_NS,
    .opts = ground_opts,
    .conf_size = sizeof(struct ground_conf),
    .metrics = disk_stream_metrics,
    .supported = ground_supported,
    .estimate = disk_stream_estimate,
    .setup = disk_stream_setup,
    .measure = disk_stream_measure,
    .judge = disk_stream_judge,
    .teardown = disk_stream_teardown,
};
