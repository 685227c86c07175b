#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "probes/disk/disk.h"
#include "probes/disk/doubt.h"
#include "probes/disk/engine_opts.h"
#include "probes/disk/ground.h"
#include "probes/disk/pattern.h"
#include "probes/disk/plans.h"
#include "probes/disk/terms.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"
#include "probes/kit/step.h"

/*
 * Random overwrites, the queue always full, one repetition a second. What may be written is spread
 * over all seconds: a disk too fast for it writes at full speed for the first part of each second
 * and rests for the remainder, so that the series lasts to the end. A limiter below the option
 * `rate` never finds the disk resting.
 */

struct disk_burst_conf {
    const char *engine;
    struct engine_without without;
    uint64_t depth;
    uint64_t rate_bytes; /* that may be written a second of the slot */
};

static const struct opt disk_burst_opts[] = {
    ENGINE_OPTIONS(struct disk_burst_conf),
    OPT_U64(struct disk_burst_conf, depth, .name = "depth", .initial = "32", .min = 1,
            .max = ENGINE_DEPTH_MAX, .help = "Writes in flight; enough to saturate the disk."),
    OPT_BYTES(struct disk_burst_conf, rate_bytes, .name = "rate", .initial = "128MiB",
              .min = 1 << 20, .max = UINT64_C(1) << 34,
              .help = "Written at most for each second of the time, on the average; 128 MiB are "
                      "32,768 writes, more than all published bursts."),
    OPT_END,
};

enum {
    DISK_BURST,
    DISK_BURST_IOPS,
    DISK_BURST_BEFORE,
    DISK_BURST_AFTER,
    DISK_BURST_STEP
};

static const struct metric disk_burst_metrics[] = {
    [DISK_BURST] = {"disk.burst",         UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                    "How long a 4 KiB random write takes under steady load."      },
    [DISK_BURST_IOPS] = { "disk.burst.iops",   UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "value",
                    "4 KiB random writes a second; a block is a second."          },
    [DISK_BURST_BEFORE] = { "disk.burst.before", UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "Writes a second before the rate changed for good."           },
    [DISK_BURST_AFTER] = { "disk.burst.after",  UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "Writes a second after the rate changed for good."            },
    [DISK_BURST_STEP] = { "disk.burst.step",   UNIT_NS,    METRIC_NEITHER, METRIC_MAX,  "",
                    "How long the load had lasted when the rate changed for good."},
    METRIC_END,
};

#define DISK_BURST_MIB     UINT64_C(1048576)
#define DISK_BURST_WARM_NS (25 * (uint64_t)CLK_NS_PER_MS) /* of each second: the queue fills */
#define DISK_BURST_WILD    0.15                           /* of the level, its deviation */
#define DISK_BURST_REST_NS (50 * (uint64_t)CLK_NS_PER_MS) /* how often a rest looks at a stop */

enum {
    DISK_BURST_BLOCK_BYTES = 4096,
    DISK_BURST_FILE_RATE = 16 << 20, /* of the file, for each second of the slot, */
    DISK_BURST_FILE_LEAST_MIB = 32,  /* within these bounds */
    DISK_BURST_FILE_MOST_MIB = 1024,
    DISK_BURST_ROOM_SHARE = 2,   /* and at most half of what may be written there */
    DISK_BURST_FILL_SHARE = 5,   /* a fifth of the slot goes to filling it */
    DISK_BURST_SPARE_SECONDS = 8 /* of room in the series, for repetitions cut short */
};

struct disk_burst_second {
    uint64_t began_ns;
    double rate;
};

struct disk_burst {
    struct ground ground;
    struct pattern pattern;
    struct hist seen;
    uint64_t observed_ns;
    struct disk_burst_second *seconds; /* owned */
    size_t count, room;
    bool rested;
    bool exhausted;
};

static uint64_t disk_burst_file_bytes(const struct probe_site *site, uint64_t slot_ns)
{
    uint64_t most = DISK_BURST_FILE_MOST_MIB * DISK_BURST_MIB;
    uint64_t least = DISK_BURST_FILE_LEAST_MIB * DISK_BURST_MIB;
    uint64_t room = place_writable_bytes(site->place) / DISK_BURST_ROOM_SHARE;
    uint64_t wanted = (uint64_t)((double)slot_ns / CLK_NS_PER_S * DISK_BURST_FILE_RATE);
    wanted = wanted < least ? least : wanted;
    wanted = wanted > most ? most : wanted;
    wanted = wanted > room ? room : wanted;
    return wanted / DISK_BURST_MIB * DISK_BURST_MIB;
}

static int disk_burst_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    uint64_t least = DISK_BURST_FILE_LEAST_MIB * DISK_BURST_MIB * DISK_BURST_ROOM_SHARE;
    return ground_check(site, least, e);
}

static int disk_burst_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                               struct probe_cost *cost, struct err *e)
{
    const struct disk_burst_conf *c = conf;
    (void)e;
    cost->write_bytes = disk_burst_file_bytes(site, slot_ns) +
                        (uint64_t)((double)slot_ns / CLK_NS_PER_S * (double)c->rate_bytes);
    cost->setup_ns = slot_ns / DISK_BURST_FILL_SHARE + ground_race_ns(c->engine, slot_ns, 0);
    return 0;
}

static int disk_burst_prepare(struct disk_burst *s, struct probe_run *run, struct err *e)
{
    const struct disk_burst_conf *conf = run->conf;
    struct ground_plan plan = {
        .engine = conf->engine,
        .without = conf->without,
        .file_bytes = disk_burst_file_bytes(run->site, run->slot_ns),
        .least_bytes = DISK_BURST_FILE_LEAST_MIB / 2 * DISK_BURST_MIB,
        .fill_ns = run->slot_ns / DISK_BURST_FILL_SHARE,
        .block_bytes = DISK_BURST_BLOCK_BYTES,
        .depth = (unsigned)conf->depth,
    };
    if (ground_open(&s->ground, run, &plan, e))
        return -1;
    pattern_init(&s->pattern, PATTERN_RANDOM, s->ground.bed.bytes, DISK_BURST_BLOCK_BYTES,
                 run->seed);
    return hist_open(&s->seen, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e);
}

static int disk_burst_setup(struct probe_run *run, struct err *e)
{
    struct disk_burst *s = calloc(1, sizeof *s);
    run->state = s;
    if (s) {
        s->room = run->slot_ns / CLK_NS_PER_S + DISK_BURST_SPARE_SECONDS;
        s->seconds = calloc(s->room, sizeof *s->seconds);
    }
    if (!s || !s->seconds)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of steady writes");
    return disk_burst_prepare(s, run, e);
}

/* What is left, spread over the seconds that are left. */
static uint64_t disk_burst_allowance(const struct disk_burst *s, const struct probe_run *run,
                                     uint64_t now_ns)
{
    uint64_t left = ground_left(&s->ground, run);
    double seconds_left = ((double)run->slot_end_ns - (double)now_ns) / CLK_NS_PER_S;
    double share = seconds_left > 1 ? (double)left / seconds_left : (double)left;
    uint64_t blocks = (uint64_t)share / DISK_BURST_BLOCK_BYTES;
    return blocks > 0 ? blocks * DISK_BURST_BLOCK_BYTES : left;
}

static void disk_burst_rest(struct disk_burst *s, const struct probe_run *run)
{
    uint64_t now_ns = clk_now_ns();
    for (; now_ns < run->until_ns && !*run->stopping; now_ns = clk_now_ns()) {
        uint64_t wake_ns = now_ns + DISK_BURST_REST_NS;
        (void)clk_sleep_until(wake_ns < run->until_ns ? wake_ns : run->until_ns);
        s->rested = true;
    }
}

static void disk_burst_keep(struct disk_burst *s, struct probe_run *run,
                            const struct drive_count *count)
{
    bool timed = count->timed_count > 0 && count->timed_ns > 0;
    uint64_t n = timed ? count->timed_count : count->completed;
    uint64_t ns = timed ? count->timed_ns : count->ended_ns - count->began_ns;
    if (n == 0 || ns == 0 || s->count == s->room)
        return;
    double rate = (double)n * CLK_NS_PER_S / (double)ns;
    s->seconds[s->count++] =
        (struct disk_burst_second){ .began_ns = count->began_ns, .rate = rate };
    run->values[DISK_BURST_IOPS] = rate;
    run->observed_ns[DISK_BURST_IOPS] = ns;
    run->observed_ns[DISK_BURST] = count->ended_ns - count->began_ns;
    s->observed_ns += count->ended_ns - count->began_ns;
    hist_merge(&s->seen, &run->hists[DISK_BURST]);
}

static int disk_burst_measure(struct probe_run *run, struct err *e)
{
    struct disk_burst *s = run->state;
    const struct disk_burst_conf *conf = run->conf;
    struct drive_count count = { 0 };
    uint64_t now_ns = clk_now_ns();
    struct drive drive = {
        .pattern = &s->pattern,
        .depth = ground_depth(&s->ground, (unsigned)conf->depth),
        .write_percent = 100,
        .latency = &run->hists[DISK_BURST],
        .warm_until_ns = now_ns + DISK_BURST_WARM_NS,
        .until_ns = run->until_ns,
        .bytes_max = disk_burst_allowance(s, run, now_ns),
    };
    if (ground_left(&s->ground, run) > 0 && ground_drive(&s->ground, run, &drive, &count, e))
        return -1;
    disk_burst_keep(s, run, &count);
    s->exhausted = ground_left(&s->ground, run) < DISK_BURST_BLOCK_BYTES;
    run->done = s->exhausted;
    if (!s->exhausted)
        disk_burst_rest(s, run);
    return 0;
}

static int disk_burst_value(struct probe_run *run, unsigned row, double value)
{
    const struct disk_burst *s = run->state;
    struct err ignored;
    struct result_block block = { .at_ns = s->seconds[0].began_ns - run->run_start_ns,
                                  .observed_ns = s->observed_ns,
                                  .value = value,
                                  .n = 1 };
    return result_add_block(&run->result->metrics[row], &block, &ignored);
}

static void disk_burst_tell_plan(const struct probe_run *run, const struct step *step,
                                 uint64_t since_ns)
{
    AUTO(buf) struct buf plan = { 0 };
    char machine[64] = "";
    struct err ignored;
    if (run->site->sys_fd >= 0)
        (void)file_line_at(run->site->sys_fd, "class/dmi/id/product_name", machine, sizeof machine,
                           &ignored);
    struct plans_change change = { .before = step->before,
                                   .after = step->after,
                                   .since_s = (double)since_ns / CLK_NS_PER_S,
                                   .size_bytes = (double)run->site->place->total_bytes,
                                   .machine = machine,
                                   .cpus = run->site->cpus };
    if (plans_burst(&change, &plan))
        result_note(run->result, "It fits %s.", buf_text(&plan));
    else
        result_note(run->result, "It fits no published burst rule: a limit that was set or lifted, "
                                 "a bucket of unknown size, or a neighbour.");
}

static void disk_burst_tell_step(struct probe_run *run, const struct step *step)
{
    char before[UNITS_TEXT_BYTES];
    char after[UNITS_TEXT_BYTES];
    char since[UNITS_TEXT_BYTES];
    const struct disk_burst *s = run->state;
    uint64_t at_ns = s->seconds[step->at].began_ns;
    uint64_t since_ns = at_ns - s->seconds[0].began_ns;
    const char *verb = step->after < step->before ? "fell" : "rose";
    (void)units_format(step->before, UNIT_PER_S, before);
    (void)units_format(step->after, UNIT_PER_S, after);
    (void)units_format((double)since_ns, UNIT_NS, since);
    (void)disk_burst_value(run, DISK_BURST_BEFORE, step->before);
    (void)disk_burst_value(run, DISK_BURST_AFTER, step->after);
    (void)disk_burst_value(run, DISK_BURST_STEP, (double)since_ns);
    result_event(run->result, at_ns - run->run_start_ns, 0, "write rate %s from %s to %s", verb,
                 before, after);
    result_note(run->result,
                "The rate %s from %s to %s after %s of steady writes, and stayed there for the "
                "remaining %zu s.",
                verb, before, after, since, s->count - step->at);
    disk_burst_tell_plan(run, step, since_ns);
}

static void disk_burst_tell_held(struct probe_run *run, const struct step *step)
{
    char level[UNITS_TEXT_BYTES];
    const struct disk_burst *s = run->state;
    if (s->count < (size_t)2 * STEP_SIDE) {
        result_note(run->result,
                    "%zu s are too few to tell whether the rate holds; give a longer --budget.",
                    s->count);
        return;
    }
    uint64_t held_ns = s->seconds[s->count - 1].began_ns - s->seconds[0].began_ns + CLK_NS_PER_S;
    (void)units_format(step->level, UNIT_PER_S, level);
    if (step->noise_ratio > DISK_BURST_WILD) {
        result_note(
            run->result,
            "In %.0f s no change for good was found: the rate moved around %s by %.0f %% all "
            "the time, which hides small steps; buckets that last longer are not seen.",
            (double)held_ns / CLK_NS_PER_S, level, 100 * step->noise_ratio);
        return;
    }
    result_note(run->result,
                "The rate held at %s for %.0f s; buckets that last longer are not seen.", level,
                (double)held_ns / CLK_NS_PER_S);
}

static void disk_burst_note_terms(struct probe_run *run)
{
    const struct disk_burst *s = run->state;
    const struct disk_burst_conf *conf = run->conf;
    ground_tell_parameters(&s->ground, run->result);
    terms_note(run);
    result_note(run->result, "I/O by %s.", buf_text(&s->ground.why));
    result_note(run->result,
                "%d-byte random writes in a file of %" PRIu64 " MiB, O_DIRECT, closed loop, depth "
                "%u.",
                DISK_BURST_BLOCK_BYTES, s->ground.bed.bytes / DISK_BURST_MIB,
                ground_depth(&s->ground, (unsigned)conf->depth));
    if (s->rested)
        result_note(run->result,
                    "At full speed this disk would write more than the %" PRIu64
                    " MiB a second that are allowed (--set disk.burst.rate=SIZE), so it rested "
                    "for a part of some seconds; the rates are those between the rests.",
                    conf->rate_bytes / DISK_BURST_MIB);
    if (s->exhausted)
        result_note(run->result, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes / DISK_BURST_MIB);
}

static void disk_burst_tell_doubts(struct probe_run *run)
{
    const struct disk_burst *s = run->state;
    struct result *r = run->result;
    doubt_few(r, "disk.burst", &s->seen, s->observed_ns);
    doubt_overhead(r, "disk.burst", &s->seen, tick_cost_ns(&s->ground.tick));
}

static void disk_burst_judge(struct probe_run *run)
{
    struct disk_burst *s = run->state;
    AUTO_FREE double *v = calloc((1 + STEP_WORK) * s->count + 1, sizeof *v);
    disk_burst_note_terms(run);
    if (!v) {
        result_set_status(run->result, STATUS_FAILED, "no memory to look for a step");
        return;
    }
    for (size_t i = 0; i < s->count; i++)
        v[i] = s->seconds[i].rate;
    struct step step = step_find(v, s->count, v + s->count, run->seed);
    if (step.found)
        disk_burst_tell_step(run, &step);
    else
        disk_burst_tell_held(run, &step);
    disk_burst_tell_doubts(run);
    ground_tell_doubts(&s->ground, run);
}

static void disk_burst_teardown(struct probe_run *run)
{
    struct disk_burst *s = run->state;
    if (!s)
        return;
    ground_release(&s->ground);
    hist_release(&s->seen);
    free(s->seconds);
    free(s);
    run->state = NULL;
}

const struct probe disk_burst = {
    .name = "disk.burst",
    .title = "Whether the write rate holds",
    .why = "A volume that bursts passes a short test and then holds up etcd and every image start "
           "once its credits are used up.",
    .source =
        "AWS EBS documentation (gp2 credits); Azure managed disks documentation (30 minutes); "
        "Vultr block storage documentation (1 minute)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK,
    .weight = 36, /* of a run of 5 minutes some 80 s: longer than Vultr's bucket */
    .budget_min_ns = 300 * (uint64_t)CLK_NS_PER_S,
    .repetition_ns = CLK_NS_PER_S + DISK_BURST_WARM_NS,
    .opts = disk_burst_opts,
    .conf_size = sizeof(struct disk_burst_conf),
    .metrics = disk_burst_metrics,
    .supported = disk_burst_supported,
    .estimate = disk_burst_estimate,
    .setup = disk_burst_setup,
    .measure = disk_burst_measure,
    .judge = disk_burst_judge,
    .teardown = disk_burst_teardown,
};
