#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/ground.h"
#include "probes/disk/ladder.h"
#include "probes/kit/clk.h"

#define DISK_MIXED_MIB UINT64_C(1048576)
/* What may be overwritten for each second of the slot: 25,000 writes. */
#define DISK_MIXED_WRITE_RATE (192 * DISK_MIXED_MIB)
/* One step of the ladder: long enough for a slow disk to answer a few times. */
#define DISK_MIXED_STEP_LEAST (20 * (uint64_t)CLK_NS_PER_MS)
#define DISK_MIXED_STEP_MOST  (200 * (uint64_t)CLK_NS_PER_MS)

enum {
    DISK_MIXED_BLOCK_BYTES = 8192, /* PostgreSQL's page. SOURCE: its configure, --with-blocksize */
    DISK_MIXED_WRITE_PERCENT = 30,
    DISK_MIXED_TARGET_PERCENT = 70, /* of the knee's rate: busy, not full */
    DISK_MIXED_KEPT_PERCENT = 95,   /* of the target: below, the disk did not keep up */
    DISK_MIXED_LADDER_DEPTH = 64,
    DISK_MIXED_DEPTH = ENGINE_DEPTH_MAX, /* in flight in the open loop, before one has to wait */
    DISK_MIXED_STEP_SHARE = 40,          /* of the slot, for one step */
    DISK_MIXED_STEPS = 10,               /* about so many, for the estimate */
    /* So many steps long is the knee's rate taken again: what was chosen as the best of several
       short looks is too good, the more so behind a limiter that lets bursts through. */
    DISK_MIXED_KNEE_STEPS = 3,
    DISK_MIXED_KNEE_LOOKS = 2
};

enum {
    DISK_MIXED_READ,
    DISK_MIXED_WRITE,
    DISK_MIXED_RATE,
    DISK_MIXED_TARGET
};

static const struct metric disk_mixed_metrics[] = {
    [DISK_MIXED_READ] = {"disk.mixed.read",    UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p50 p99",
                         "How long an 8 KiB random read takes among writes, from when it was due."},
    [DISK_MIXED_WRITE] = { "disk.mixed.write",  UNIT_NS,    METRIC_LOWER,  METRIC_HIST, "p50 p99",
                         "How long an 8 KiB random overwrite takes among reads, from when it was "
                           "due."                                                                 },
    [DISK_MIXED_RATE] = { "disk.mixed.rate",   UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",
                         "Reads and writes a second that were done."                              },
    [DISK_MIXED_TARGET] = { "disk.mixed.target", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, "",
                         "Reads and writes a second that were due: 70 % of what this disk does "
                            "of the same mix at the knee of its curve."                           },
    METRIC_END,
};

struct disk_mixed_state {
    struct ground ground;
    struct pattern pattern;
    struct ladder ladder;
    double knee_rate;       /* I/Os a second at the knee, taken again */
    double target;          /* I/Os a second */
    struct hist seen_read;  /* all repetitions */
    struct hist seen_write; /* all repetitions */
    uint64_t observed_ns;
    uint64_t completed, unissued, late_max_ns;
    bool cut;       /* the write budget ended the last step */
    bool cut_climb; /* and that of the ladder which gained nothing */
    bool exhausted; /* the write budget may not last another repetition */
};

static uint64_t disk_mixed_step_ns(uint64_t slot_ns)
{
    uint64_t step_ns = slot_ns / DISK_MIXED_STEP_SHARE;
    step_ns = step_ns > DISK_MIXED_STEP_LEAST ? step_ns : DISK_MIXED_STEP_LEAST;
    return step_ns < DISK_MIXED_STEP_MOST ? step_ns : DISK_MIXED_STEP_MOST;
}

static int disk_mixed_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                               struct probe_cost *cost, struct err *e)
{
    (void)e;
    uint64_t over = (uint64_t)((double)slot_ns / CLK_NS_PER_S * (double)DISK_MIXED_WRITE_RATE);
    cost->write_bytes = ground_file_bytes(site, conf, slot_ns) + over;
    cost->setup_ns = ground_setup_ns(conf, slot_ns) +
                     (DISK_MIXED_STEPS + DISK_MIXED_KNEE_STEPS) * disk_mixed_step_ns(slot_ns);
    return 0;
}

static double disk_mixed_per_s(const struct drive_count *count)
{
    uint64_t took_ns = count->ended_ns - count->began_ns;
    return took_ns > 0 ? (double)count->completed * CLK_NS_PER_S / (double)took_ns : 0;
}

/* The rate at a depth in a closed loop. At most half of what is left is handed over, were it all
 * writes. */
static int disk_mixed_step(struct disk_mixed_state *s, struct probe_run *run, unsigned depth,
                           uint64_t length_ns, double *rate, struct err *e)
{
    struct drive_count count;
    struct drive drive = { .pattern = &s->pattern,
                           .depth = depth,
                           .write_percent = DISK_MIXED_WRITE_PERCENT,
                           .until_ns = clk_now_ns() + length_ns,
                           .bytes_max = ground_left(&s->ground, run) / 2 };
    int status = ground_drive(&s->ground, run, &drive, &count, e);
    *rate = disk_mixed_per_s(&count);
    s->cut = drive.bytes_max - count.bytes < DISK_MIXED_BLOCK_BYTES;
    return status;
}

/* Again when it came to less than half of what the ladder saw: one stall must not be the aim. */
static int disk_mixed_confirm(struct disk_mixed_state *s, struct probe_run *run, struct err *e)
{
    const struct ladder *l = &s->ladder;
    uint64_t length_ns = DISK_MIXED_KNEE_STEPS * disk_mixed_step_ns(run->slot_ns);
    for (unsigned i = 0; i < DISK_MIXED_KNEE_LOOKS && s->knee_rate * 2 <= l->knee_rate; i++) {
        double rate = 0;
        if (disk_mixed_step(s, run, l->knee_depth, length_ns, &rate, e))
            return -1;
        s->knee_rate = rate > s->knee_rate ? rate : s->knee_rate;
    }
    return 0;
}

static int disk_mixed_climb(struct disk_mixed_state *s, struct probe_run *run, struct err *e)
{
    struct ladder *l = &s->ladder;
    double rate = 0;
    ladder_init(l, ground_depth(&s->ground, DISK_MIXED_LADDER_DEPTH));
    do {
        if (disk_mixed_step(s, run, l->depth, disk_mixed_step_ns(run->slot_ns), &rate, e))
            return -1;
    } while (!*run->stopping && ladder_climb(l, rate));
    s->cut_climb = s->cut;
    if (*run->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted while the disk's rate was looked for");
    return l->knee_depth == 0 ? 0 : disk_mixed_confirm(s, run, e);
}

static int disk_mixed_aim(struct disk_mixed_state *s, struct probe_run *run, struct err *e)
{
    if (disk_mixed_climb(s, run, e))
        return -1;
    if (s->knee_rate <= 0)
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "the write budget of %" PRIu64 " MiB leaves nothing to measure with; give "
                       "a longer --budget",
                       run->write_budget_bytes / DISK_MIXED_MIB);
    s->target = s->knee_rate * DISK_MIXED_TARGET_PERCENT / 100;
    return 0;
}

static int disk_mixed_setup(struct probe_run *run, struct err *e)
{
    struct disk_mixed_state *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of mixed I/O");
    struct ground_plan plan = ground_usual(run, DISK_MIXED_BLOCK_BYTES, DISK_MIXED_DEPTH);
    if (hist_open(&s->seen_read, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        hist_open(&s->seen_write, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e) ||
        ground_open(&s->ground, run, &plan, e))
        return -1;
    pattern_init(&s->pattern, PATTERN_RANDOM, s->ground.bed.bytes, DISK_MIXED_BLOCK_BYTES,
                 run->seed);
    return disk_mixed_aim(s, run, e);
}

static uint64_t disk_mixed_interval_ns(const struct disk_mixed_state *s)
{
    uint64_t interval_ns = (uint64_t)llround(CLK_NS_PER_S / s->target);
    return interval_ns > 0 ? interval_ns : 1;
}

static void disk_mixed_keep(struct disk_mixed_state *s, struct probe_run *run,
                            const struct drive_count *count)
{
    uint64_t observed_ns = count->ended_ns - count->began_ns;
    if (count->completed == 0 || observed_ns == 0)
        return;
    run->values[DISK_MIXED_RATE] = disk_mixed_per_s(count);
    run->values[DISK_MIXED_TARGET] = (double)CLK_NS_PER_S / (double)disk_mixed_interval_ns(s);
    for (unsigned i = DISK_MIXED_READ; i <= DISK_MIXED_TARGET; i++)
        run->observed_ns[i] = observed_ns;
    hist_merge(&s->seen_read, &run->hists[DISK_MIXED_READ]);
    hist_merge(&s->seen_write, &run->hists[DISK_MIXED_WRITE]);
    s->observed_ns += observed_ns;
    s->completed += count->completed;
    s->unissued += count->unissued;
    s->late_max_ns = count->late_max_ns > s->late_max_ns ? count->late_max_ns : s->late_max_ns;
}

static int disk_mixed_measure(struct probe_run *run, struct err *e)
{
    struct disk_mixed_state *s = run->state;
    struct drive_count count;
    struct drive drive = { .pattern = &s->pattern,
                           .depth = ground_depth(&s->ground, DISK_MIXED_DEPTH),
                           .write_percent = DISK_MIXED_WRITE_PERCENT,
                           .latency = &run->hists[DISK_MIXED_READ],
                           .write_latency = &run->hists[DISK_MIXED_WRITE],
                           .interval_ns = disk_mixed_interval_ns(s),
                           .until_ns = run->until_ns,
                           .bytes_max = ground_left(&s->ground, run) };
    int status = ground_drive(&s->ground, run, &drive, &count, e);
    disk_mixed_keep(s, run, &count);
    s->exhausted = ground_left(&s->ground, run) < count.bytes;
    run->done = s->exhausted; /* the time goes to the other probes */
    return status;
}

/* A disk that falls behind is a finding, not a doubt: the figures stand. */
static void disk_mixed_note_pace(const struct disk_mixed_state *s, struct result *r)
{
    char late[UNITS_TEXT_BYTES];
    double achieved =
        s->observed_ns > 0 ? (double)s->completed * CLK_NS_PER_S / (double)s->observed_ns : 0;
    bool kept = achieved * 100 >= s->target * DISK_MIXED_KEPT_PERCENT;
    result_note(r,
                "The disk %s: %.0f of %.0f a second were done; one waited %s for its beginning, "
                "and %" PRIu64 " were due but not begun at the end of a turn. Latencies count that "
                "waiting, as a database would.",
                kept ? "kept up" : "did not keep up", achieved, s->target,
                units_format((double)s->late_max_ns, UNIT_NS, late), s->unissued);
}

/* Why the ladder was not climbed further. */
static const char *disk_mixed_end(const struct disk_mixed_state *s)
{
    if (!s->ladder.again)
        return "the deepest that was tried";
    return s->cut_climb ? "above which the write budget left too little to see more"
                        : "above which twice the depth gained less than 5 %";
}

static void disk_mixed_note_target(const struct disk_mixed_state *s, struct result *r)
{
    const struct ladder *l = &s->ladder;
    result_note(r,
                "That is %d %% of the %.0f a second that the same mix reached in a closed loop at "
                "depth %u, %s.",
                DISK_MIXED_TARGET_PERCENT, s->knee_rate, l->knee_depth, disk_mixed_end(s));
}

static void disk_mixed_judge(struct probe_run *run)
{
    struct disk_mixed_state *s = run->state;
    struct result *r = run->result;
    uint64_t clock_ns = tick_cost_ns(&s->ground.tick);
    ground_tell(&s->ground, run);
    result_note(r,
                "%d %% random reads and %d %% overwrites of 8 KiB in a file of %" PRIu64
                " MiB, O_DIRECT, open loop, %.0f a second whatever the disk does; latency counts "
                "from when each was due.",
                100 - DISK_MIXED_WRITE_PERCENT, DISK_MIXED_WRITE_PERCENT, s->ground.bed.bytes >> 20,
                s->target);
    disk_mixed_note_target(s, r);
    disk_mixed_note_pace(s, r);
    if (s->exhausted)
        result_note(r, "Ended early: the write budget of %" PRIu64 " MiB would not have lasted.",
                    run->write_budget_bytes / DISK_MIXED_MIB);
    doubt_few(r, "disk.mixed.read", &s->seen_read, s->observed_ns);
    doubt_few(r, "disk.mixed.write", &s->seen_write, s->observed_ns);
    doubt_overhead(r, "disk.mixed.read", &s->seen_read, clock_ns);
    doubt_overhead(r, "disk.mixed.write", &s->seen_write, clock_ns);
    doubt_memory(r, "disk.mixed.read", &s->seen_read, run->site->place);
}

static void disk_mixed_teardown(struct probe_run *run)
{
    struct disk_mixed_state *s = run->state;
    if (!s)
        return;
    ground_release(&s->ground);
    hist_release(&s->seen_read);
    hist_release(&s->seen_write);
    free(s);
    run->state = NULL;
}

const struct probe disk_mixed = {
    .name = "disk.mixed",
    .title = "Reads and writes as a database makes them",
    .why = "Queries do not wait for the ones before: what a database in a container feels is the "
           "disk at a steady load, with the waiting that a stall leaves behind.",
    .source = "PostgreSQL (pages of 8 KiB); G. Tene on coordinated omission (latency from the "
              "intended start)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK,
    .weight = 4,
    .repetition_ns = 500 * (uint64_t)CLK_NS_PER_MS,
    .opts = ground_opts,
    .conf_size = sizeof(struct ground_conf),
    .metrics = disk_mixed_metrics,
    .supported = ground_supported,
    .estimate = disk_mixed_estimate,
    .setup = disk_mixed_setup,
    .measure = disk_mixed_measure,
    .judge = disk_mixed_judge,
    .teardown = disk_mixed_teardown,
};
