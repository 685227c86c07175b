#include "probes/disk/sweep_tell.h"

#include <inttypes.h>
#include <math.h>

#include <jansson.h>

#include "probes/disk/doubt.h"
#include "probes/disk/resident.h"
#include "probes/disk/sweep.h"
#include "probes/disk/terms.h"
#include "probes/kit/auto.h"

#define SWEEP_TELL_MIB UINT64_C(1048576)

static const char *sweep_tell_verb(const struct sweep *s)
{
    return s->write ? "writes" : "reads";
}

/* The figures at the knee are those of its depth, block by block. */
static void sweep_tell_knee(const struct sweep *s, struct result *r, unsigned knee,
                            unsigned deepest)
{
    const struct result_metric *from = &r->metrics[sweep_row(knee) + 1];
    struct err ignored; /* no memory: the knee is missing, the figures of its depth are there */
    struct result_block block = { .value = curve_depth(knee), .n = s->seen[knee].turns };
    for (unsigned i = 0; i < from->block_count; i++) {
        block.at_ns = from->blocks[0].at_ns;
        block.observed_ns += from->blocks[i].observed_ns;
        (void)result_add_block(&r->metrics[SWEEP_KNEE_IOPS], &from->blocks[i], &ignored);
    }
    (void)result_add_block(&r->metrics[SWEEP_KNEE], &block, &ignored);
    result_note(r,
                "The knee is depth %u, the smallest with %d %% of the best rate: what is asked for "
                "beyond it only waits longer.%s",
                curve_depth(knee), CURVE_KNEE_PERCENT,
                knee == deepest ? " No deeper one was measured: it may lie beyond." : "");
}

static void sweep_tell_parameters(const struct sweep *s, struct result *r)
{
    ground_tell_parameters(&s->ground, r);
    if (r->parameters)
        (void)json_object_set_new(r->parameters, "turn_used", json_integer((json_int_t)s->turn_ns));
}

static void sweep_tell_pace(const struct sweep *s, struct result *r)
{
    char paced[UNITS_TEXT_BYTES];
    char busy[UNITS_TEXT_BYTES];
    result_note(r, "Latencies at a depth are of a closed loop, back to back: the next is asked for "
                   "when one is answered. A disk that is asked now and then answers slower.");
    if (s->paced.latency.total == 0 || s->seen[CURVE_QD1].latency.total == 0)
        return;
    result_note(
        r,
        "At a pace of one 4 KiB read every %d ms (open loop, latency from the intended start) the "
        "median is %s, against %s back to back.",
        SWEEP_PACE_MS, units_format((double)hist_quantile(&s->paced.latency, 0.5), UNIT_NS, paced),
        units_format((double)hist_quantile(&s->seen[CURVE_QD1].latency, 0.5), UNIT_NS, busy));
    if (s->paced.latency.total < SWEEP_PACED_SAMPLES)
        result_note(r, "%s: %" PRIu64 " samples are too few for a p99; give a longer --budget.",
                    s->metrics[SWEEP_PACED].id, s->paced.latency.total);
}

static void sweep_tell_climb(const struct sweep *s, struct result *r)
{
    AUTO(buf) struct buf passed = { .cap = LIMITS_TEXT_BYTES };
    for (unsigned i = 0; i < CURVE_DEPTHS; i++) {
        if (s->seen[i].turns == 0)
            buf_addf(&passed, "%s%u", passed.size ? ", " : "", curve_depth(i));
    }
    if (passed.size == 0)
        return;
    if (!s->ground.engine.row->queues)
        result_note(r, "Not measured: depth %s, for %s has no queue.", buf_text(&passed),
                    s->ground.engine.row->title);
    else if (!s->turns.settled || s->turns.hurried)
        result_note(r, "Not measured: depth %s, for want of time; give a longer --budget.",
                    buf_text(&passed));
    else
        result_note(r,
                    "Not measured: depth %s, because up to %u doubling the depth gained less than "
                    "%d %% twice in a row.",
                    buf_text(&passed), curve_depth(s->turns.climbed - 1), CURVE_GAIN_PERCENT);
}

static void sweep_tell_size(const struct sweep *s, struct probe_run *run)
{
    char memory[UNITS_TEXT_BYTES];
    double cached = resident_ratio(s->ground.bed.fd, s->ground.bed.bytes);
    struct result *r = run->result;
    result_note(r,
                "%d-byte random %s in a file of %" PRIu64 " MiB (%s), on a host with %s of memory. "
                "O_DIRECT passes its page cache%s; a cache below it may hold the whole file%s.",
                SWEEP_BLOCK_BYTES, sweep_tell_verb(s), s->ground.bed.bytes / SWEEP_TELL_MIB,
                s->size.by, units_format((double)run->site->memory_bytes, UNIT_BYTES, memory),
                cached == 0 ? ", in which no page of it was found" : "",
                s->write ? "" : ", and would show as reads within 10 us");
    doubt_cached(r, cached);
    if (s->ground.bed.bytes < s->ground.planned_bytes)
        result_note(r,
                    "The file was to be %" PRIu64 " MiB, but the disk took only %" PRIu64
                    " MiB in a quarter of the time; a cache below may hold all of it.",
                    s->ground.planned_bytes / SWEEP_TELL_MIB, s->ground.bed.bytes / SWEEP_TELL_MIB);
}

static void sweep_tell_doubts(const struct sweep *s, struct probe_run *run)
{
    struct result *r = run->result;
    uint64_t clock_ns = tick_cost_ns(&s->ground.tick);
    for (unsigned i = 0; i < CURVE_DEPTHS; i++) {
        const struct sweep_seen *seen = &s->seen[i];
        const char *id = s->metrics[sweep_row(i)].id;
        bool always = i == CURVE_QD1 || (i == CURVE_QD32 && s->ground.engine.row->queues);
        if (always) /* the others are there for their rate */
            doubt_few(r, id, &seen->latency, seen->observed_ns);
        doubt_overhead(r, id, &seen->latency, clock_ns);
        if (!s->write)
            doubt_memory(r, id, &seen->latency, run->site->place);
    }
}

void sweep_tell_judge(struct probe_run *run)
{
    struct sweep *s = run->state;
    struct result *r = run->result;
    unsigned deepest = curve_below(&s->curve, CURVE_DEPTHS);
    sweep_tell_parameters(s, r);
    result_note(r, "I/O by %s.", buf_text(&s->ground.why));
    terms_note(run);
    sweep_tell_size(s, run);
    sweep_tell_pace(s, r);
    if (deepest != CURVE_NONE && deepest != CURVE_QD1) /* else there is no curve */
        sweep_tell_knee(s, r, curve_knee(&s->curve), deepest);
    sweep_tell_climb(s, r);
    if (s->exhausted)
        result_note(r, "Ended early: the write budget of %" PRIu64 " MiB was used up.",
                    run->write_budget_bytes / SWEEP_TELL_MIB);
    ground_tell_doubts(&s->ground, run);
    sweep_tell_doubts(s, run);
}
