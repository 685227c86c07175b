#include "probes/disk/sweep.h"

#include <math.h>
#include <stdlib.h>

#include "probes/disk/drive.h"
#include "probes/kit/clk.h"

#define SWEEP_MIB UINT64_C(1048576)
/* A file below 16 MiB sits in the cache of any device; 1 GiB outgrows most and is written in 10 s
 * by a disk of 100 MB/s. */
#define SWEEP_FILE_LEAST (16 * SWEEP_MIB)
#define SWEEP_FILE_SMALL (256 * SWEEP_MIB)
#define SWEEP_FILE_LARGE (1024 * SWEEP_MIB)
/* What a slot may write for each of its seconds: a file as large as time allows, and 32,000
 * overwrites a second, after which the figures of a disk so fast are steady. */
#define SWEEP_FILL_RATE  (64 * SWEEP_MIB)
#define SWEEP_WRITE_RATE (128 * SWEEP_MIB)
/* A turn lasts whole slices of the kernel's limiter. More than 3 of them show no more of a disk;
 * the time is better spent on more turns. */
#define SWEEP_SLICE_NS   (100 * (uint64_t)CLK_NS_PER_MS)
#define SWEEP_SLICES_MAX UINT64_C(3)
/* Not recorded, at the start of a turn: longer than an idle disk takes to wake up. */
#define SWEEP_WARM_NS (25 * (uint64_t)CLK_NS_PER_MS)
/* And before, where the turn before asked for less: a limiter has saved up to three slices, which
 * it lets through at once. Asked deep, they are used up. SOURCE: Linux block/blk-throttle.c
 * throtl_trim_slice. */
#define SWEEP_SPEND_NS (30 * (uint64_t)CLK_NS_PER_MS)
/* Of a turn: what is shorter is mostly its start and its end. */
#define SWEEP_LEAST_NS (5 * (uint64_t)CLK_NS_PER_MS)
#define SWEEP_PACE_NS  (SWEEP_PACE_MS * (uint64_t)CLK_NS_PER_MS)

enum {
    SWEEP_MEMORY_SHARE = 4, /* the file is a quarter of RAM, within the bounds above */
    SWEEP_ROOM_SHARE = 2,   /* and at most half of what may be written there */
    SWEEP_FILL_SHARE = 4,   /* a quarter of the slot goes to filling it */
    SWEEP_TURNS = 80,       /* turns in a slot, where they can be as long as they should */
    SWEEP_WARM_SHARE = 5,   /* of a turn that is cut short, its start */
    SWEEP_WRITE_SHARE =
        16,               /* no turn takes more of the write budget, so that all depths get some */
    SWEEP_FEW = 20,       /* completions that a fixed time cannot count to a few per cent */
    SWEEP_ENOUGH = 1000,  /* and that say enough in however short a time */
    SWEEP_SPEND_RUNG = 4, /* depth 16: near the rate of any disk, and soon answered by a slow one */
    SWEEP_PACED_DEPTH = 32, /* in flight at most, where the disk is slower than the pace */
};

const struct opt sweep_opts[] = {
    GROUND_OPTIONS("256 MiB to 1 GiB"),
    OPT_END,
};

static uint64_t sweep_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct sweep_size sweep_size(const struct probe_site *site, const struct ground_conf *conf,
                             uint64_t slot_ns, bool write)
{
    double seconds = (double)slot_ns / CLK_NS_PER_S;
    uint64_t by_memory =
        ground_within(site->memory_bytes / SWEEP_MEMORY_SHARE, SWEEP_FILE_SMALL, SWEEP_FILE_LARGE);
    uint64_t by_time =
        ground_within((uint64_t)(seconds * SWEEP_FILL_RATE), SWEEP_FILE_SMALL, SWEEP_FILE_LARGE);
    uint64_t wanted = sweep_least(by_memory, by_time);
    const char *by = by_time < by_memory ? "what its time allows" : "a quarter of memory";
    if (wanted == SWEEP_FILE_LARGE || wanted == SWEEP_FILE_SMALL)
        by = wanted == SWEEP_FILE_LARGE ? "the most it takes by itself"
                                        : "the least it takes by itself";
    if (conf->file_bytes > 0) {
        wanted = conf->file_bytes;
        by = "as asked for";
    }
    uint64_t room = place_writable_bytes(site->place) / SWEEP_ROOM_SHARE;
    uint64_t file = ground_within(wanted, SWEEP_FILE_LEAST, room) / SWEEP_MIB * SWEEP_MIB;
    return (struct sweep_size){
        .file_bytes = file,
        .write_bytes = file + (write ? (uint64_t)(seconds * SWEEP_WRITE_RATE) : 0),
        .by = room < wanted ? "half of what may be written there" : by,
    };
}

uint64_t sweep_turn_ns(uint64_t slot_ns)
{
    return ground_within(slot_ns / SWEEP_TURNS / SWEEP_SLICE_NS, 1, SWEEP_SLICES_MAX) *
           SWEEP_SLICE_NS;
}

int sweep_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    (void)conf;
    return ground_check(site, SWEEP_ROOM_SHARE * SWEEP_FILE_LEAST, e);
}

int sweep_estimate(const struct probe_site *site, const void *conf, bool write, uint64_t slot_ns,
                   struct probe_cost *cost)
{
    const struct ground_conf *c = conf;
    cost->write_bytes = sweep_size(site, c, slot_ns, write).write_bytes;
    cost->setup_ns = slot_ns / SWEEP_FILL_SHARE + ground_race_ns(c->engine, slot_ns, 0);
    return 0;
}

static int sweep_prepare(struct sweep *s, struct probe_run *run, struct err *e)
{
    const struct ground_conf *conf = run->conf;
    s->size = sweep_size(run->site, conf, run->slot_ns, s->write);
    struct ground_plan plan = {
        .engine = conf->engine,
        .without = conf->without,
        .file_bytes = s->size.file_bytes,
        .least_bytes = SWEEP_FILE_LEAST,
        .fill_ns = run->slot_ns / SWEEP_FILL_SHARE,
        .block_bytes = SWEEP_BLOCK_BYTES,
        .depth = curve_depth(CURVE_DEPTHS - 1),
    };
    if (run->write_budget_bytes < s->size.file_bytes)
        s->size.by = "what the write budget allows";
    if (ground_open(&s->ground, run, &plan, e))
        return -1;
    pattern_init(&s->pattern, PATTERN_RANDOM, s->ground.bed.bytes, SWEEP_BLOCK_BYTES, run->seed);
    return 0;
}

static int sweep_prepare_seen(struct sweep *s, struct err *e)
{
    for (unsigned i = 0; i < CURVE_DEPTHS; i++) {
        if (hist_open(&s->seen[i].latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    return hist_open(&s->paced.latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e);
}

/* A turn with all that precedes it, on a disk that soon answers what is in flight. */
static uint64_t sweep_whole_ns(const struct sweep *s)
{
    return SWEEP_SPEND_NS + SWEEP_WARM_NS + s->turn_ns;
}

int sweep_setup(struct probe_run *run, const struct metric *metrics, bool write, struct err *e)
{
    struct sweep *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the state of random I/O");
    s->metrics = metrics;
    s->write = write;
    s->asked = -1;
    s->turn_ns = sweep_turn_ns(run->slot_ns);
    s->longest_ns = sweep_whole_ns(s);
    if (sweep_prepare(s, run, e) || sweep_prepare_seen(s, e))
        return -1;
    turns_init(&s->turns, s->ground.engine.row->queues, !write);
    return 0;
}

/* Overwrites that one turn may make. */
static uint64_t sweep_allowance(const struct sweep *s, const struct probe_run *run)
{
    uint64_t left = ground_left(&s->ground, run);
    uint64_t part = (run->write_budget_bytes - s->ground.bed.bytes) / SWEEP_WRITE_SHARE;
    return part < SWEEP_BLOCK_BYTES ? left : sweep_least(part, left);
}

static int sweep_drive(struct sweep *s, struct probe_run *run, struct drive *d,
                       struct drive_count *count, struct err *e)
{
    d->pattern = &s->pattern;
    d->write_percent = s->write ? 100 : 0;
    return ground_drive(&s->ground, run, d, count, e);
}

/* What it should be, less where a fast disk would spend a turn's part of the write budget sooner.
 */
static uint64_t sweep_length_ns(const struct sweep *s, const struct probe_run *run, unsigned rung)
{
    uint64_t length_ns = SWEEP_WARM_NS + s->turn_ns;
    unsigned below = curve_below(&s->curve, rung);
    double iops = s->curve.iops[rung];
    if (iops == 0 && below != CURVE_NONE)
        iops = 2 * s->curve.iops[below]; /* at most, where the depth is doubled */
    if (!s->write || iops == 0)
        return length_ns;
    double fits_ns = (double)sweep_allowance(s, run) / SWEEP_BLOCK_BYTES / iops * CLK_NS_PER_S;
    return fits_ns < (double)length_ns ? SWEEP_LEAST_NS + (uint64_t)fits_ns : length_ns;
}

/*
 * Few are counted to the last one, for a fixed time would cut a slow disk's count by up to one. NAN
 * where the write budget or a stop left so little of the turn that others say more. *used_ns is the
 * time that the rate is of.
 */
static double sweep_rate(const struct sweep_seen *seen, const struct drive_count *count,
                         uint64_t planned_ns, uint64_t *used_ns)
{
    bool cut = 2 * count->timed_ns < planned_ns && count->timed_count < SWEEP_ENOUGH;
    bool few = count->timed_count < SWEEP_FEW;
    uint64_t done = few ? count->completed : count->timed_count;
    *used_ns = few ? count->ended_ns - count->began_ns : count->timed_ns;
    if ((cut && seen->turns > 0) || done == 0 || *used_ns == 0)
        return NAN;
    return (double)done * CLK_NS_PER_S / (double)*used_ns;
}

static void sweep_keep_latency(struct sweep_seen *seen, struct probe_run *run, unsigned row,
                               uint64_t observed_ns)
{
    if (run->hists[row].total == 0)
        return;
    run->observed_ns[row] = observed_ns;
    seen->observed_ns += observed_ns;
    hist_merge(&seen->latency, &run->hists[row]);
}

/* Uses up what a limiter has saved. */
static int sweep_spend(struct sweep *s, struct probe_run *run, unsigned rung, uint64_t bytes_max,
                       struct err *e)
{
    struct drive_count count;
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    unsigned deep = rung > SWEEP_SPEND_RUNG ? rung : SWEEP_SPEND_RUNG;
    struct drive drive = { .depth = ground_depth(&s->ground, curve_depth(deep)),
                           .until_ns =
                               now_ns + sweep_least(SWEEP_SPEND_NS, left_ns / SWEEP_WARM_SHARE),
                           .bytes_max = bytes_max };
    return sweep_drive(s, run, &drive, &count, e);
}

static int sweep_at_depth(struct sweep *s, struct probe_run *run, unsigned rung, struct err *e)
{
    unsigned row = sweep_row(rung);
    struct sweep_seen *seen = &s->seen[rung];
    struct drive_count count;
    uint64_t bytes = s->write ? sweep_allowance(s, run) : UINT64_MAX;
    uint64_t written = s->ground.overwritten_bytes;
    if (curve_saves(&s->curve, s->asked, s->answered_iops, rung) &&
        sweep_spend(s, run, rung, bytes / SWEEP_WARM_SHARE, e))
        return -1;
    s->asked = (int)rung;
    uint64_t now_ns = clk_now_ns();
    uint64_t left_ns = run->until_ns > now_ns ? run->until_ns - now_ns : 0;
    uint64_t length_ns = ground_within(left_ns, SWEEP_LEAST_NS, sweep_length_ns(s, run, rung));
    uint64_t warm_ns = sweep_least(SWEEP_WARM_NS, length_ns / SWEEP_WARM_SHARE);
    struct drive drive = { .depth = curve_depth(rung),
                           .warm_until_ns = now_ns + warm_ns,
                           .until_ns = now_ns + length_ns,
                           .latency = &run->hists[row],
                           .bytes_max = bytes - (s->ground.overwritten_bytes - written) };
    int status = sweep_drive(s, run, &drive, &count, e);
    uint64_t used_ns = 0;
    double iops = sweep_rate(seen, &count, length_ns - warm_ns, &used_ns);
    sweep_keep_latency(seen, run, row, count.ended_ns - count.began_ns);
    s->answered_iops = 0;
    if (status || !isfinite(iops)) /* what a failure cut off is no rate of the disk */
        return status;
    s->answered_iops = iops;
    run->values[row + 1] = iops;
    run->observed_ns[row + 1] = used_ns;
    seen->iops_sum += iops;
    s->curve.iops[rung] = seen->iops_sum / ++seen->turns;
    return 0;
}

/* The first I/O is not recorded: the disk is still awake from the turn before. */
static int sweep_paced(struct sweep *s, struct probe_run *run, struct err *e)
{
    struct drive_count count;
    uint64_t now_ns = clk_now_ns();
    struct drive drive = {
        .depth = ground_depth(&s->ground, SWEEP_PACED_DEPTH),
        .interval_ns = SWEEP_PACE_NS,
        .warm_until_ns = now_ns + SWEEP_PACE_NS / 2,
        .until_ns = sweep_least(now_ns + TURNS_PACED_LENGTH * s->turn_ns, run->until_ns),
        .latency = &run->hists[SWEEP_PACED],
        .bytes_max = UINT64_MAX,
    };
    s->asked = -1;
    int status = sweep_drive(s, run, &drive, &count, e);
    sweep_keep_latency(&s->paced, run, SWEEP_PACED, count.ended_ns - count.began_ns);
    return status;
}

int sweep_measure(struct probe_run *run, struct err *e)
{
    struct sweep *s = run->state;
    uint64_t began_ns = clk_now_ns();
    uint64_t left_ns = run->slot_end_ns > began_ns ? run->slot_end_ns - began_ns : 0;
    unsigned turn = turns_next(&s->turns, &s->curve, left_ns / s->longest_ns);
    int status = turn == TURNS_PACED ? sweep_paced(s, run, e) : sweep_at_depth(s, run, turn, e);
    uint64_t now_ns = clk_now_ns();
    if (turn != TURNS_PACED && now_ns - began_ns > s->longest_ns)
        s->longest_ns = now_ns - began_ns;
    s->exhausted = s->write && ground_left(&s->ground, run) < SWEEP_BLOCK_BYTES;
    /* A turn cut short by the end of the slot would count a part of a limiter's slice as whole. */
    run->done = s->exhausted || now_ns + sweep_whole_ns(s) > run->slot_end_ns;
    return status;
}

void sweep_teardown(struct probe_run *run)
{
    struct sweep *s = run->state;
    if (!s)
        return;
    ground_release(&s->ground);
    for (unsigned i = 0; i < CURVE_DEPTHS; i++)
        hist_release(&s->seen[i].latency);
    hist_release(&s->paced.latency);
    free(s);
    run->state = NULL;
}
