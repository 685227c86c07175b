#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/affinity.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/limits.h"
#include "probes/kit/stealclock.h"
#include "probes/kit/throttle.h"
#include "probes/noise/cache.h"
#include "probes/noise/credit.h"
#include "probes/noise/crew.h"
#include "probes/noise/meter.h"
#include "probes/noise/noise.h"
#include "probes/noise/pulse.h"
#include "probes/noise/quantum.h"
#include "probes/noise/room.h"

enum {
    SPEED,
    SPEED_MEMORY,
    SPEED_SPREAD,
    SPEED_STEAL,
    SPEED_DRIFT,
    SPEED_STEP,
    SPEED_LEVEL
};

static const struct metric noise_speed_metrics[] = {
    [SPEED] = {"noise.speed",         UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p50 p99",
               "How long fixed integer work takes, some 1 ms at 3 GHz, all CPUs being busy with it."},
    [SPEED_MEMORY] = { "noise.speed.memory", UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "p50",
               "How long a load from memory takes; the mean of 8192 that wait for each other."      },
    [SPEED_SPREAD] = { "noise.speed.spread", UNIT_NONE,  METRIC_LOWER,   METRIC_MEAN, "",
               "Its p99 over its p50, second by second: near 1 on a CPU of our own."                },
    [SPEED_STEAL] = { "noise.steal.busy",   UNIT_RATIO, METRIC_LOWER,   METRIC_MEAN, "value",
               "Share of CPU time that the hypervisor says it gave to others, all CPUs being busy." },
    [SPEED_DRIFT] = { "noise.speed.drift",  UNIT_RATIO, METRIC_NEITHER, METRIC_MEAN, "",
               "By how much the work done changes in a minute; below 0 the CPUs slow down."         },
    [SPEED_STEP] = { "noise.speed.step",   UNIT_NS,    METRIC_HIGHER,  METRIC_MAX,  "",
               "How long all CPUs had been busy when they were cut back for good."                  },
    [SPEED_LEVEL] = { "noise.speed.level",  UNIT_RATIO, METRIC_HIGHER,  METRIC_MEAN, "",
               "What was left of the speed then."                                                   },
    METRIC_END,
};

#define SPEED_SPAN_NS       (250 * (uint64_t)CLK_NS_PER_MS)
#define SPEED_UNEQUAL_RATIO 0.10 /* between CPUs, before it is told */
#define SPEED_THROTTLED     0.02 /* of the time, before our own quota is told */
#define SPEED_STOLEN        0.02 /* by so much more after a step, before it is told */

enum {
    SPEED_VALUES = 4096, /* of the series: 17 minutes; then two are joined */
    SPEED_TAKEN = 8      /* of one repetition */
};

struct noise_speed {
    struct ring ring;
    struct crew *crew;
    struct pulse pulse;
    struct meter meter;
    uint32_t *cpus; /* owned */
    unsigned cpu_count;
    uint64_t cache_bytes;
    char no_memory[LIMITS_TEXT_BYTES]; /* why no load is measured; "" */
    struct err meter_error;
    bool meter_known;
    struct throttle throttle;
    struct throttle_now throttled; /* before the workers began */
    bool throttled_known;
    uint64_t began_ns;
};

static int noise_speed_open_ring(struct noise_speed *s, struct probe_run *run)
{
    const struct probe_site *site = run->site;
    struct err e;
    s->cache_bytes = cache_last_level_bytes(site->sys_fd, s->cpus, s->cpu_count);
    uint64_t bytes =
        ring_size(s->cache_bytes, site->memory_bytes, room_bytes(site->proc_fd, site->sys_fd));
    if (bytes && !ring_open(&s->ring, bytes, run->seed, &e))
        return 0;
    if (bytes)
        (void)snprintf(s->no_memory, sizeof s->no_memory, "%s", e.msg);
    else
        (void)snprintf(s->no_memory, sizeof s->no_memory,
                       "a sixteenth of the RAM and a quarter of what is free are less than twice "
                       "the last-level cache (%" PRIu64 " MiB)",
                       (s->cache_bytes ? s->cache_bytes : RING_BYTES_LEAST / 2) >> 20);
    return -1;
}

static int noise_speed_setup(struct probe_run *run, struct err *e)
{
    struct noise_speed *s = calloc(1, sizeof *s);
    run->state = s;
    if (!s)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the workers");
    s->meter = (struct meter)METER_NONE;
    s->cpus = calloc(LIMITS_CPUS, sizeof *s->cpus);
    if (!s->cpus)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a list of CPUs");
    int count = affinity_cpus(s->cpus, LIMITS_CPUS, e);
    if (count <= 0 || pulse_open(&s->pulse, SPEED_SPAN_NS, SPEED_VALUES, e))
        return -1;
    s->cpu_count = (unsigned)count;
    (void)noise_speed_open_ring(s, run);
    s->crew = crew_open(&s->ring, s->cpus, s->cpu_count, run->seed, e);
    if (!s->crew)
        return -1;
    struct err ignored;
    s->meter_known = !meter_open(&s->meter, run->site->proc_fd, &s->meter_error);
    s->throttled_known =
        !throttle_open(&s->throttle, run->site->proc_fd, run->site->sys_fd, &ignored) &&
        !throttle_read(&s->throttle, &s->throttled);
    s->began_ns = clk_now_ns();
    return 0;
}

/* The work of one repetition in stretches; how many. */
static unsigned noise_speed_labour(struct noise_speed *s, const struct probe_run *run,
                                   struct pulse_value taken[SPEED_TAKEN])
{
    unsigned count = 0;
    uint64_t at_ns = clk_now_ns();
    uint64_t work = crew_work(s->crew);
    crew_begin(s->crew, run->until_ns);
    while (at_ns < run->until_ns && count < SPEED_TAKEN && !*run->stopping) {
        uint64_t due_ns = at_ns + SPEED_SPAN_NS;
        /* What is left over is not worth a value of its own. */
        bool last = due_ns + SPEED_SPAN_NS / 2 >= run->until_ns || count == SPEED_TAKEN - 1;
        (void)clk_sleep_until(last ? run->until_ns : due_ns);
        if (*run->stopping)
            crew_stop(s->crew);
        if (last || *run->stopping)
            crew_wait(s->crew);
        uint64_t now_ns = clk_now_ns();
        uint64_t done = crew_work(s->crew);
        taken[count++] = (struct pulse_value){ .at_ns = at_ns,
                                               .length_ns = now_ns - at_ns,
                                               .work = done - work };
        at_ns = now_ns;
        work = done;
    }
    crew_wait(s->crew);
    return count;
}

/* The share stolen since *before, which is brought up to now; NAN when it is not known. */
static double noise_speed_stolen(struct noise_speed *s, struct steal_cpu *before)
{
    struct steal_cpu after;
    if (!s->meter_known || meter_read(&s->meter, s->cpus, s->cpu_count, &after, &s->meter_error))
        return NAN;
    double ratio = steal_ratio(before, &after);
    *before = after;
    return ratio;
}

/* Shares what was lost in a repetition out to its stretches, which join the series. */
static void noise_speed_keep(struct noise_speed *s, struct pulse_value *taken, unsigned count,
                             const struct pulse_loss *loss)
{
    for (unsigned i = 0; i < count; i++) {
        double whole_ns = (double)taken[i].length_ns * (double)s->cpu_count;
        taken[i].stolen_ns = isnan(loss->stolen_ratio) ? 0 : loss->stolen_ratio * whole_ns;
        taken[i].queued_ns = loss->queued_ratio * whole_ns;
        pulse_add(&s->pulse, &taken[i]);
    }
}

static int noise_speed_measure(struct probe_run *run, struct err *e)
{
    struct noise_speed *s = run->state;
    struct pulse_value taken[SPEED_TAKEN];
    struct steal_cpu stolen = { 0 };
    struct hist *integer = &run->hists[SPEED];
    (void)e;
    (void)noise_speed_stolen(s, &stolen);
    uint64_t queued_ns = crew_queued_ns(s->crew);
    uint64_t began_ns = clk_now_ns();
    unsigned count = noise_speed_labour(s, run, taken);
    double whole_ns = (double)(clk_now_ns() - began_ns) * (double)s->cpu_count;
    struct pulse_loss loss = { .stolen_ratio = noise_speed_stolen(s, &stolen),
                               .queued_ratio =
                                   (double)(crew_queued_ns(s->crew) - queued_ns) / whole_ns };
    noise_speed_keep(s, taken, count, &loss);
    crew_collect(s->crew, integer, &run->hists[SPEED_MEMORY]);
    run->values[SPEED_STEAL] = loss.stolen_ratio;
    if (integer->total)
        run->values[SPEED_SPREAD] =
            (double)hist_quantile(integer, 0.99) / (double)hist_quantile(integer, 0.5);
    return 0;
}

static void noise_speed_value(struct probe_run *run, unsigned row, double value)
{
    const struct noise_speed *s = run->state;
    struct err ignored;
    struct result_block block = { .at_ns = s->began_ns - run->run_start_ns,
                                  .observed_ns = pulse_length_ns(&s->pulse, 0, s->pulse.count),
                                  .value = value,
                                  .n = 1 };
    (void)result_add_block(&run->result->metrics[row], &block, &ignored);
}

static void noise_speed_tell_terms(struct probe_run *run)
{
    const struct noise_speed *s = run->state;
    struct result *r = run->result;
    char size[UNITS_TEXT_BYTES];
    char cache[UNITS_TEXT_BYTES] = "";
    unsigned crew = crew_size(s->crew);
    unsigned bound = 0;
    for (unsigned i = 0; i < crew; i++)
        bound += crew_share(s->crew, i).pinned;
    result_note(r,
                "%u workers, SCHED_OTHER, %u of them bound to a CPU of their own, all busy at the "
                "same time: by turns %d pieces of integer work and %d loads.",
                crew, bound, CREW_INTEGERS, s->ring.base ? QUANTUM_LOADS : 0);
    if (crew < s->cpu_count)
        result_note(r, "%u CPUs had no worker: a limit on tasks or memory.", s->cpu_count - crew);
    if (!s->ring.base) {
        result_note(r, "The latency of memory was not measured: %s.", s->no_memory);
        return;
    }
    if (s->cache_bytes)
        (void)units_format((double)s->cache_bytes, UNIT_BYTES, cache);
    (void)units_format((double)s->ring.bytes, UNIT_BYTES, size);
    result_note(r, "The loads walk a random ring of %s in small pages; the last-level cache %s%s.",
                size, s->cache_bytes ? "has " : "has a size that this kernel does not tell", cache);
}

/* The CPUs, when one did less than another. */
static void noise_speed_tell_unequal(struct probe_run *run)
{
    const struct noise_speed *s = run->state;
    double fast = 0;
    double slow = INFINITY;
    uint32_t fast_cpu = 0;
    uint32_t slow_cpu = 0;
    for (unsigned i = 0; i < crew_size(s->crew); i++) {
        struct crew_share share = crew_share(s->crew, i);
        double rate = share.busy_ns ? (double)share.work / (double)share.busy_ns : NAN;
        if (!share.pinned || isnan(rate))
            continue;
        fast_cpu = rate > fast ? share.cpu : fast_cpu;
        fast = fmax(fast, rate);
        slow_cpu = rate < slow ? share.cpu : slow_cpu;
        slow = fmin(slow, rate);
    }
    if (fast > 0 && slow < fast * (1 - SPEED_UNEQUAL_RATIO))
        result_note(run->result,
                    "The CPUs are not equal: CPU %" PRIu32 " did %.0f %% of the work of CPU "
                    "%" PRIu32 " in the same time.",
                    slow_cpu, 100 * slow / fast, fast_cpu);
}

/* The share of the time in which our own group was held back; 0 also when nobody says. */
static double noise_speed_throttled(const struct probe_run *run)
{
    const struct noise_speed *s = run->state;
    struct throttle_now now = { 0 };
    uint64_t before_ns = s->throttled.throttled_ns;
    uint64_t length_ns = pulse_length_ns(&s->pulse, 0, s->pulse.count);
    if (!s->throttled_known || length_ns == 0 || throttle_read(&s->throttle, &now) ||
        now.throttled_ns < before_ns)
        return 0;
    return (double)(now.throttled_ns - before_ns) / (double)length_ns;
}

static void noise_speed_tell_quota(struct probe_run *run, double throttled)
{
    result_note(run->result,
                "The CPU quota of our own control group held the workers back (%.2f s of it for "
                "each second): this is the speed of the quota and not of the host; raise it "
                "(CPUQuota=, cpu.max, --cpus) to measure the host.",
                throttled);
}

/* Who took the time that is missing behind the step, as far as somebody says. */
static bool noise_speed_tell_taker(struct probe_run *run, const struct credit *c)
{
    const struct noise_speed *s = run->state;
    struct pulse_loss before = pulse_loss(&s->pulse, 0, c->at, s->cpu_count);
    struct pulse_loss after = pulse_loss(&s->pulse, c->at, s->pulse.count, s->cpu_count);
    if (credit_explains(c->level_ratio, before.queued_ratio, after.queued_ratio)) {
        result_note(run->result,
                    "This guest's other processes took that time: the workers waited in the run "
                    "queue for %.1f %% of it, and for %.1f %% before.",
                    100 * after.queued_ratio, 100 * before.queued_ratio);
        return true;
    }
    if (after.stolen_ratio > before.stolen_ratio + SPEED_STOLEN) {
        result_note(run->result, "Steal rose with it, from %.1f %% to %.1f %%: %s.",
                    100 * before.stolen_ratio, 100 * after.stolen_ratio,
                    credit_explains(c->level_ratio, before.stolen_ratio, after.stolen_ratio)
                        ? "it is the hypervisor that holds the CPUs back"
                        : "that alone does not explain it");
    } else if (s->meter_known) {
        result_note(run->result, "Steal did not rise with it: %.1f %%, then %.1f %%.",
                    100 * before.stolen_ratio, 100 * after.stolen_ratio);
    }
    return false;
}

static void noise_speed_tell_bucket(struct probe_run *run, const struct credit *c, double throttled)
{
    const struct noise_speed *s = run->state;
    char since[UNITS_TEXT_BYTES];
    char rest[UNITS_TEXT_BYTES];
    uint64_t since_ns = pulse_length_ns(&s->pulse, 0, c->at);
    const char *plan = credit_plan(c->level_ratio);
    (void)units_format((double)since_ns, UNIT_NS, since);
    (void)units_format((double)pulse_length_ns(&s->pulse, c->at, s->pulse.count), UNIT_NS, rest);
    result_event(run->result, s->pulse.values[c->at].at_ns - run->run_start_ns, 0,
                 "CPUs fell to %.0f %% of their speed", 100 * c->level_ratio);
    result_note(run->result,
                "After %s of full load the CPUs fell to %.1f %% of their speed, and stayed there "
                "for the remaining %s.",
                since, 100 * c->level_ratio, rest);
    /* Our own quota is told of already, and explains it. */
    if (throttled > SPEED_THROTTLED || noise_speed_tell_taker(run, c))
        return;
    noise_speed_value(run, SPEED_STEP, (double)since_ns);
    noise_speed_value(run, SPEED_LEVEL, c->level_ratio);
    result_note(
        run->result,
        "A bucket of CPU credits that runs dry looks like this%s%s%s: then this is the speed "
        "under steady load. A neighbour who came at that moment would look the same; measure "
        "again to tell them apart.",
        plan ? " (the published level of " : "", plan ? plan : "", plan ? ")" : "");
}

static void noise_speed_tell_held(struct probe_run *run, const struct credit *c, double throttled)
{
    const struct noise_speed *s = run->state;
    char length[UNITS_TEXT_BYTES];
    (void)units_format((double)pulse_length_ns(&s->pulse, 0, s->pulse.count), UNIT_NS, length);
    if (c->verdict == CREDIT_FEW)
        result_note(run->result,
                    "%s of full load are too few to tell whether the speed holds; give a longer "
                    "--budget.",
                    length);
    else if (c->verdict == CREDIT_WILD)
        result_note(run->result,
                    "No step in %s of full load, but the speed moved by %.0f %% all the time, "
                    "which hides small ones; a bucket larger than that is not seen.",
                    length, 100 * c->noise_ratio);
    else if (c->verdict == CREDIT_HELD)
        result_note(run->result,
                    "No step in %s of full load: a bucket of CPU credits larger than that is not "
                    "seen.",
                    length);
    else
        result_note(run->result,
                    "In %s of full load the speed changed (to %.0f %% of what it was), and not as "
                    "an empty bucket of CPU credits does it%s.",
                    length, 100 * c->level_ratio,
                    throttled > SPEED_THROTTLED ? ": the quota explains it" : "");
}

static void noise_speed_tell_series(struct probe_run *run, double throttled)
{
    const struct noise_speed *s = run->state;
    size_t n = s->pulse.count;
    AUTO_FREE double *v = calloc((1 + CREDIT_WORK) * n + 1, sizeof *v);
    if (!v) {
        result_set_status(run->result, STATUS_FAILED, "no memory to look for a step");
        return;
    }
    for (size_t i = 0; i < n; i++)
        v[i] = pulse_rate(&s->pulse, i);
    struct credit c = credit_find(v, n, v + n, run->seed);
    double drift = credit_drift(v, n);
    if (c.verdict == CREDIT_BUCKET)
        noise_speed_tell_bucket(run, &c, throttled);
    else
        noise_speed_tell_held(run, &c, throttled);
    if (!isnan(drift) && (c.verdict == CREDIT_HELD || c.verdict == CREDIT_WILD))
        noise_speed_value(run, SPEED_DRIFT, drift * 60e9 / (double)s->pulse.span_ns);
}

static void noise_speed_tell_steal(struct probe_run *run)
{
    const struct noise_speed *s = run->state;
    struct cpuid cpuid = cpuid_read();
    struct stealclock clock;
    stealclock_find(run->site->proc_fd, run->site->sys_fd, &cpuid, &clock);
    if (!s->meter_known)
        result_note(run->result, "Steal is not known: %s.", s->meter_error.msg);
    else if (clock.answer == STEALCLOCK_NO || clock.answer == STEALCLOCK_UNKNOWN)
        result_note(run->result, "A steal of 0 proves nothing here: %s.", clock.why);
}

static void noise_speed_judge(struct probe_run *run)
{
    double throttled = noise_speed_throttled(run);
    noise_speed_tell_terms(run);
    if (throttled > SPEED_THROTTLED)
        noise_speed_tell_quota(run, throttled);
    noise_speed_tell_series(run, throttled);
    noise_speed_tell_unequal(run);
    noise_speed_tell_steal(run);
}

static void noise_speed_teardown(struct probe_run *run)
{
    struct noise_speed *s = run->state;
    if (!s)
        return;
    crew_free(s->crew);
    ring_release(&s->ring);
    pulse_release(&s->pulse);
    meter_release(&s->meter);
    throttle_release(&s->throttle);
    free(s->cpus);
    free(s);
    run->state = NULL;
}

const struct probe noise_speed = {
    .name = "noise.speed",
    .title = "Speed of the CPUs under full load",
    .why = "A control plane that passes a short test on CPU credits is cut back to a tenth of its "
           "speed once they are spent; leases then run out on every node at the same time.",
    .source = "AWS EC2 User Guide (burstable performance instances); Google Compute Engine "
              "(shared-core machine types); Azure B-series documentation",
    .needs = PROBE_NEEDS_QUIET,
    .effects = PROBE_LOADS_CPU,
    .weight = 6,
    .repetition_ns = CLK_NS_PER_S,
    .metrics = noise_speed_metrics,
    .setup = noise_speed_setup,
    .measure = noise_speed_measure,
    .judge = noise_speed_judge,
    .teardown = noise_speed_teardown,
};
