#include "probes/disk/race.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "probes/disk/drive.h"
#include "probes/disk/workers.h"
#include "probes/kit/stats.h"
#include "probes/kit/units.h"

struct track {
    const struct race_plan *plan;
    struct race *race;
    struct engine engines[RACE_LANES];
    double laps[RACE_LANES][RACE_DEPTHS][RACE_LAPS];
    unsigned lap_count;    /* run */
    struct workers before; /* an engine's first read, at its opening, may bring the first */
};

static unsigned race_depth(const struct race_plan *plan, unsigned index)
{
    if (index == 0)
        return 1;
    return plan->conf.depth < RACE_DEEP ? plan->conf.depth : RACE_DEEP;
}

static void race_retire(struct track *t, unsigned at, const struct err *e)
{
    struct race_lane *lane = &t->race->lanes[at];
    lane->ran = false;
    (void)snprintf(lane->refusal, sizeof lane->refusal, "%s", e->msg);
    engine_close(&t->engines[at]);
}

/* -1 only when the disk does not answer. */
static int race_enter(struct track *t, const struct engine_row *row, struct err *e)
{
    unsigned at = t->race->count++;
    struct race_lane *lane = &t->race->lanes[at];
    *lane = (struct race_lane){
        .row = row, .ran = true, .io_ns = {NAN, NAN}
    };
    if (engine_open(row, &t->engines[at], &t->plan->conf, e) == 0)
        return 0;
    race_retire(t, at, e);
    return t->engines[at].abandoned ? -1 : 0;
}

static int race_lap(struct track *t, unsigned at, unsigned index, unsigned lap, struct err *e)
{
    const struct race_plan *plan = t->plan;
    struct tick clock = tick_clock;
    struct tick *tick = plan->tick ? plan->tick : &clock;
    struct drive_count count;
    struct drive drive = { .engine = &t->engines[at],
                           .pattern = plan->pattern,
                           .depth = race_depth(plan, index),
                           .until_ns =
                               tick_now_ns(tick) + (plan->lap_ns ? plan->lap_ns : RACE_LAP_NS),
                           .bytes_max = UINT64_MAX,
                           .tick = tick,
                           .stopping = plan->stopping,
                           .what = plan->what };
    if (drive_run(&drive, &count, e))
        return -1;
    double took_ns = (double)(count.ended_ns - count.began_ns);
    t->laps[at][index][lap] = count.completed ? took_ns / (double)count.completed : INFINITY;
    return 0;
}

static int race_round(struct track *t, unsigned lap, struct err *e)
{
    for (unsigned index = 0; index < RACE_DEPTHS; index++) {
        for (unsigned at = 0; at < t->race->count; at++) {
            struct race_lane *lane = &t->race->lanes[at];
            if (!lane->ran || (index > 0 && !lane->row->queues))
                continue;
            if (race_lap(t, at, index, lap, e) == 0)
                continue;
            if (t->engines[at].abandoned || e->sys == EIO)
                return -1; /* the disk's failure, not the engine's */
            race_retire(t, at, e);
        }
    }
    return 0;
}

static void race_time(struct track *t)
{
    for (unsigned at = 0; at < t->race->count; at++) {
        struct race_lane *lane = &t->race->lanes[at];
        for (unsigned index = 0; index < RACE_DEPTHS && lane->ran; index++) {
            if (index == 0 || lane->row->queues)
                lane->io_ns[index] = stats_median(t->laps[at][index], t->lap_count);
        }
    }
}

static uint64_t race_now_ns(const struct track *t)
{
    return tick_now_ns(t->plan->tick ? t->plan->tick : &tick_clock);
}

static int race_laps(struct track *t, struct err *e)
{
    uint64_t limit_ns = t->plan->limit_ns;
    uint64_t began_ns = race_now_ns(t);
    bool late = false;
    while (t->lap_count < RACE_LAPS && !late && !*t->plan->stopping) {
        if (race_round(t, t->lap_count++, e))
            return -1;
        late = limit_ns > 0 && race_now_ns(t) - began_ns > limit_ns;
    }
    return 0;
}

static int race_run(struct track *t, struct err *e)
{
    struct workers after;
    if (race_laps(t, e))
        return -1;
    if (*t->plan->stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted while I/O engines were compared on %s",
                       t->plan->what);
    workers_read(t->plan->proc_fd, &after);
    bool worked = after.count > t->before.count || after.cpu_ticks > t->before.cpu_ticks;
    for (unsigned at = 0; at < t->race->count; at++)
        t->race->lanes[at].workers = worked && t->race->lanes[at].row == &engine_uring;
    race_time(t);
    return 0;
}

/* How many times as long as the other takes, over both depths: the geometric mean. */
static double race_ratio(const struct race_lane *a, const struct race_lane *b)
{
    return sqrt(a->io_ns[0] / b->io_ns[0] * (a->io_ns[1] / b->io_ns[1]));
}

/* Queueing engines before plain ones, whose deep figure does not exist. */
unsigned race_pick(const struct race *race)
{
    unsigned best = race->count;
    for (unsigned at = 0; at < race->count; at++) {
        const struct race_lane *lane = &race->lanes[at];
        if (!lane->ran)
            continue;
        bool first = best == race->count || !race->lanes[best].row->queues;
        if (first ? best == race->count || lane->row->queues
                  : race_ratio(lane, &race->lanes[best]) < 1 - RACE_MARGIN_PERCENT / 100.0)
            best = at;
    }
    return best;
}

/* The queueing engine to set beside the winner; NULL when none ran. */
static const struct race_lane *race_second(const struct race *race)
{
    for (unsigned at = 0; at < race->count; at++) {
        const struct race_lane *lane = &race->lanes[at];
        if (at != race->winner && lane->ran && lane->row->queues)
            return lane;
    }
    return NULL;
}

static void race_tell_figures(const struct race *race, const struct race_lane *a,
                              const struct race_lane *b, struct buf *why)
{
    char left[UNITS_TEXT_BYTES];
    char right[UNITS_TEXT_BYTES];
    for (unsigned index = 0; index < RACE_DEPTHS; index++) {
        if (!isfinite(a->io_ns[index]) || !isfinite(b->io_ns[index]))
            continue;
        (void)units_format(a->io_ns[index], UNIT_NS, left);
        (void)units_format(b->io_ns[index], UNIT_NS, right);
        buf_addf(why, "%s%s against %s at depth %u", index ? ", " : ": an I/O takes ", left, right,
                 index ? race->deep : 1);
    }
}

static void race_tell_refusals(const struct race *race, struct buf *why)
{
    const char *before = ", because ";
    for (unsigned at = 0; at < race->count; at++) {
        if (race->lanes[at].ran)
            continue;
        buf_addf(why, "%s%s", before, race->lanes[at].refusal);
        before = "; and because ";
    }
}

void race_tell(const struct race *race, const char *features, struct buf *why)
{
    const struct race_lane *winner = &race->lanes[race->winner];
    const struct race_lane *other = race_second(race);
    buf_adds(why, winner->row->title);
    if (features[0])
        buf_addf(why, " with %s", features);
    if (!other) {
        race_tell_refusals(race, why);
        return;
    }
    if (other > winner) /* less preferred, and no reason to prefer it */
        buf_addf(why, ", for %s is not clearly faster here", other->row->title);
    else
        buf_addf(why, ", because %s %s here", other->row->title,
                 other->workers ? "hands requests to kernel workers" : "is slower");
    race_tell_figures(race, other, winner, why);
}

static void race_close(struct track *t)
{
    for (unsigned at = 0; at < t->race->count; at++)
        engine_close(&t->engines[at]);
}

/* The last refusal stands for all. */
static int race_fail(const struct race *race, struct engine *en, struct err *e)
{
    *en = (struct engine){ 0 };
    enum err_kind kind = race->count ? e->kind : ERR_UNSUPPORTED;
    const char *reason = race->count ? race->lanes[race->count - 1].refusal : "there is none";
    return err_set(e, kind, 0, "no I/O engine works: %s", reason);
}

static int race_finish(struct track *t, struct engine *en, struct buf *why, struct err *e)
{
    struct race *race = t->race;
    race->winner = race_pick(race);
    if (race->winner == race->count)
        return race_fail(race, en, e);
    *en = t->engines[race->winner];
    t->engines[race->winner] = (struct engine){ 0 };
    race_tell(race, en->features, why);
    return 0;
}

static bool race_abandoned(const struct track *t)
{
    for (unsigned at = 0; at < t->race->count; at++) {
        if (t->engines[at].abandoned)
            return true;
    }
    return false;
}

int race_engines_among(const struct engine_row *const *rows, struct engine *en,
                       const struct race_plan *plan, struct race *race, struct buf *why,
                       struct err *e)
{
    struct track t = { .plan = plan, .race = race };
    int status = 0;
    *race = (struct race){ .deep = race_depth(plan, RACE_DEPTHS - 1) };
    *en = (struct engine){ 0 };
    workers_read(plan->proc_fd, &t.before);
    for (; *rows && race->count < RACE_LANES && !status; rows++) {
        if (!(*rows)->by_name_only)
            status = race_enter(&t, *rows, e);
    }
    if (!status)
        status = race_run(&t, e);
    if (!status)
        status = race_finish(&t, en, why, e);
    en->abandoned = race_abandoned(&t);
    race_close(&t);
    return status;
}

int race_engines(struct engine *en, const struct race_plan *plan, struct race *race,
                 struct buf *why, struct err *e)
{
    return race_engines_among(engine_all, en, plan, race, why, e);
}
