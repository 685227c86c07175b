#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/cpuid.h"
#include "probes/kit/inquest.h"
#include "probes/kit/limits.h"
#include "probes/kit/sampler.h"
#include "probes/kit/sleeper.h"
#include "probes/kit/statfile.h"
#include "probes/kit/steal.h"
#include "probes/kit/stealclock.h"
#include "probes/noise/noise.h"
#include "probes/noise/toll.h"

enum {
    NOISE_STALL,
    NOISE_STEAL,
    NOISE_STEAL_CPU,
    NOISE_OVER,                           /* a row for each of toll_bounds_ns */
    NOISE_LOST = NOISE_OVER + TOLL_BOUNDS /* a row for each cause */
};

#define NOISE_OVER_ROW(bound)                                                                      \
    {                                                                                              \
        "noise.stall.over." bound, UNIT_PER_HOUR, METRIC_LOWER, METRIC_EVENTS, "",                 \
            "Stalls of any CPU longer than " bound ", an hour."                                    \
    }
#define NOISE_LOST_ROW(id, whose)                                                                  \
    {                                                                                              \
        "noise.stall." id, UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",                              \
            "Share of all CPU time that was lost in stalls of 1 ms and more to " whose "."         \
    }

static const struct metric noise_stall_metrics[] = {
    [NOISE_STALL] = {"noise.stall",      UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50 p99 max",
                     "How late a 1-ms sleeper wakes on any CPU while nothing of ours runs." },
    [NOISE_STEAL] = { "noise.steal",     UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                     "Share of all CPU time that the hypervisor gave to others, as it says."},
    [NOISE_STEAL_CPU] = { "noise.steal.cpu", UNIT_RATIO, METRIC_LOWER, METRIC_MAX,  "",
                     "The same on the CPU and in the second where it was worst."            },
    [NOISE_OVER] = NOISE_OVER_ROW("1ms"),
    NOISE_OVER_ROW("10ms"),
    NOISE_OVER_ROW("100ms"),
    NOISE_OVER_ROW("200ms"),
    NOISE_OVER_ROW("500ms"),
    NOISE_OVER_ROW("900ms"),
    NOISE_OVER_ROW("1000ms"),
    [NOISE_LOST + CAUSE_HYPERVISOR] =
        NOISE_LOST_ROW("hypervisor", "the hypervisor, as its steal says"),
    [NOISE_LOST + CAUSE_UNREPORTED] =
        NOISE_LOST_ROW("unreported", "the hypervisor, whose steal does not say so"),
    [NOISE_LOST + CAUSE_OTHERS] = NOISE_LOST_ROW("others", "this guest's other processes"),
    [NOISE_LOST + CAUSE_OWN] = NOISE_LOST_ROW("own", "this program's own load"),
    [NOISE_LOST + CAUSE_QUOTA] = NOISE_LOST_ROW("quota", "the CPU quota of our control group"),
    [NOISE_LOST + CAUSE_INTERRUPTS] = NOISE_LOST_ROW("interrupts", "interrupts"),
    [NOISE_LOST + CAUSE_HALTED] = NOISE_LOST_ROW("halted", "a stop, a freezer or a suspend"),
    [NOISE_LOST + CAUSE_UNKNOWN] = NOISE_LOST_ROW("unknown", "what could not be told"),
    METRIC_END,
};

static const struct fact_row noise_stall_facts[] = {
    {.name = "host.steal.idle",
     .kind = FACT_NUMBER,
     .unit = UNIT_RATIO,
     .what =
          "Share of all CPU time that was stolen while nothing of ours ran: of a host with room "
          "to spare it is next to nothing."},
    FACT_END,
};

#define NOISE_EPISODE_NS (1 * (uint64_t)CLK_NS_PER_MS)
#define NOISE_EVENT_NS   (10 * (uint64_t)CLK_NS_PER_MS) /* shorter ones only when among the worst */
#define NOISE_LOOK_NS    (INQUEST_LOOK_MS * (uint64_t)CLK_NS_PER_MS)

enum {
    NOISE_EVENTS_SHORT = 8,
    NOISE_TAKE = 32,     /* episodes taken at once */
    NOISE_STEAL_CPUS = 4 /* told one by one */
};

struct noise_stall {
    struct sampler *sampler;
    struct inquest *inquest; /* NULL: no memory */
    struct sleeper clerk;    /* of the thread that looks */
    struct stealclock clock;
    uint64_t opened_ns, closed_ns;
    uint64_t over[TOLL_BOUNDS]; /* in this repetition */
    bool is_blind;              /* a stall came without the time in the run queue */
    struct steal first, before, after;
    struct statfile stat;
    struct err steal_error;
    bool steal_known;
};

/* Steal is a witness beside the stalls: without it the probe goes on. */
static bool noise_stall_open_steal(struct noise_stall *n, int proc_fd)
{
    struct err *e = &n->steal_error;
    /* Each once, so that measure finds its arrays large enough. */
    return !statfile_open(&n->stat, proc_fd, e) && !statfile_read(&n->stat, &n->first, e) &&
           !statfile_read(&n->stat, &n->before, e) && !statfile_read(&n->stat, &n->after, e);
}

/* What looks at the counters is the only load of ours beside the sleepers. */
static uint64_t noise_stall_own_ns(void *arg)
{
    (void)arg;
    return clk_thread_cpu_ns();
}

static void noise_stall_open_inquest(struct noise_stall *n, const struct probe_site *site)
{
    struct cpuid cpuid = cpuid_read();
    struct err ignored;
    stealclock_find(site->proc_fd, site->sys_fd, &cpuid, &n->clock);
    const struct inquest_site where = { .proc_fd = site->proc_fd,
                                        .sys_fd = site->sys_fd,
                                        .host = stealclock_host(&n->clock),
                                        .own_ns = noise_stall_own_ns };
    n->inquest = inquest_open(&where, &ignored);
}

static int noise_stall_setup(struct probe_run *run, struct err *e)
{
    struct noise_stall *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the stall sampler");
    n->stat = (struct statfile)STATFILE_NONE;
    sleeper_open(&n->clerk);
    n->sampler = sampler_open(&(struct sampler_terms){ .episode_ns = NOISE_EPISODE_NS }, e);
    if (!n->sampler)
        return -1;
    n->steal_known = noise_stall_open_steal(n, run->site->proc_fd);
    noise_stall_open_inquest(n, run->site);
    n->opened_ns = clk_now_ns();
    sampler_start(n->sampler);
    return 0;
}

/* Counts the stalls since the last time and hands them to the inquest. */
static void noise_stall_file(struct noise_stall *n)
{
    struct episode some[NOISE_TAKE];
    unsigned count = NOISE_TAKE;
    while (count == NOISE_TAKE) {
        count = sampler_episodes(n->sampler, some, NOISE_TAKE);
        for (unsigned i = 0; i < count; i++) {
            toll_count(n->over, some[i].length_ns);
            n->is_blind |= !some[i].queued_known;
            if (n->inquest)
                inquest_add(n->inquest, &some[i]);
        }
    }
}

static void noise_stall_measure_steal(struct probe_run *run, struct noise_stall *n)
{
    if (!n->steal_known || statfile_read(&n->stat, &n->after, &n->steal_error))
        return;
    if (n->before.reported && n->after.reported) {
        run->values[NOISE_STEAL] = steal_ratio(&n->before.all, &n->after.all);
        run->values[NOISE_STEAL_CPU] = steal_worst_ratio(&n->before, &n->after, NULL);
    }
    struct steal swap = n->before;
    n->before = n->after;
    n->after = swap;
}

/* Until the next look; being stopped or frozen meanwhile is evidence too. */
static void noise_stall_wait(struct noise_stall *n, uint64_t from_ns, uint64_t until_ns)
{
    struct episode e;
    sleeper_settle(&n->clerk);
    bool signalled = sleeper_until(&n->clerk, until_ns) != 0;
    uint64_t woke_ns = clk_now_ns();
    sleeper_tell(&n->clerk, until_ns, woke_ns, &e);
    if (n->inquest && (e.sleeps > 0 || signalled))
        inquest_halted(n->inquest, from_ns, woke_ns);
}

static int noise_stall_measure(struct probe_run *run, struct err *e)
{
    struct noise_stall *n = run->state;
    (void)e;
    for (uint64_t now = clk_now_ns(); now < run->until_ns && !*run->stopping; now = clk_now_ns()) {
        uint64_t left = run->until_ns - now;
        noise_stall_wait(n, now, now + (left < NOISE_LOOK_NS ? left : NOISE_LOOK_NS));
        noise_stall_file(n);
        if (n->inquest)
            inquest_look(n->inquest);
    }
    sampler_take(n->sampler, &run->hists[NOISE_STALL]);
    for (unsigned i = 0; i < TOLL_BOUNDS; i++) {
        run->values[NOISE_OVER + i] = (double)n->over[i];
        n->over[i] = 0;
    }
    noise_stall_measure_steal(run, n);
    return 0;
}

static void noise_stall_tell_case(struct probe_run *run, const struct inquest_case *c)
{
    struct result_event event = { .at_ns = c->episode.at_ns - run->run_start_ns,
                                  .duration_ns = c->episode.length_ns,
                                  .cpu = (int32_t)c->episode.cpu };
    (void)snprintf(event.what, sizeof event.what, "stall of %.1f ms on CPU %u",
                   (double)event.duration_ns / CLK_NS_PER_MS, c->episode.cpu);
    (void)snprintf(event.cause, sizeof event.cause, "%s", cause_id(c->main));
    result_event_full(run->result, &event);
}

/* Whatever is 10 ms and more, and a few of the others. */
static void noise_stall_tell_worst(struct probe_run *run, const struct inquest_case *cases,
                                   unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool is_long = cases[i].episode.length_ns >= NOISE_EVENT_NS;
        if ((is_long || i < NOISE_EVENTS_SHORT) && cases[i].episode.at_ns >= run->run_start_ns)
            noise_stall_tell_case(run, &cases[i]);
    }
}

/* One figure a cause, of the whole window: a cause is found some time after its stall. */
static void noise_stall_judge_causes(struct probe_run *run, const struct noise_stall *n)
{
    const struct inquest_blame *all = inquest_blame(n->inquest, INQUEST_ALL);
    double window_ns = (double)(n->closed_ns - n->opened_ns) * sampler_cpus(n->sampler);
    struct err ignored;
    for (unsigned i = 0; i < CAUSES; i++) {
        struct result_block block = { .at_ns = run->result->started_ns,
                                      .observed_ns = n->closed_ns - n->opened_ns,
                                      .value = (double)all->lost_ns[i] / window_ns,
                                      .n = 1 };
        (void)result_add_block(&run->result->metrics[NOISE_LOST + i], &block, &ignored);
    }
}

/* The CPU that lost most; TOLL_ALL when none lost anything. */
static int32_t noise_stall_worst_cpu(const struct noise_stall *n)
{
    int32_t worst = TOLL_ALL;
    uint64_t most_ns = 0;
    for (int32_t cpu = 0; cpu < LIMITS_CPUS; cpu++) {
        uint64_t lost_ns = toll_lost_ns(inquest_blame(n->inquest, cpu));
        worst = lost_ns > most_ns ? cpu : worst;
        most_ns = lost_ns > most_ns ? lost_ns : most_ns;
    }
    return worst;
}

static uint64_t noise_stall_longest(const struct inquest_case *cases, unsigned count, int32_t cpu)
{
    for (unsigned i = 0; i < count; i++) {
        if (cpu == TOLL_ALL || cases[i].episode.cpu == (uint32_t)cpu)
            return cases[i].episode.length_ns;
    }
    return 0;
}

static void noise_stall_tell_toll(struct probe_run *run, const struct noise_stall *n,
                                  const struct inquest_case *cases, unsigned count)
{
    char text[TOLL_TEXT_BYTES];
    int32_t cpus[] = { noise_stall_worst_cpu(n), TOLL_ALL };
    bool one_alone = cpus[0] == TOLL_ALL || sampler_cpus(n->sampler) == 1;
    for (unsigned i = 0; i < (one_alone ? 1 : 2); i++) {
        const struct toll toll = { .cpu = cpus[i],
                                   .cpus = sampler_cpus(n->sampler),
                                   .blame = inquest_blame(n->inquest, cpus[i]),
                                   .window_ns = n->closed_ns - n->opened_ns,
                                   .longest_ns = noise_stall_longest(cases, count, cpus[i]) };
        toll_tell(&toll, text);
        result_note(run->result, "%s", text);
    }
}

static void noise_stall_judge_inquest(struct probe_run *run, struct noise_stall *n)
{
    struct inquest_case *cases = calloc(INQUEST_CASES, sizeof *cases);
    noise_stall_file(n);
    inquest_close(n->inquest);
    n->closed_ns = clk_now_ns();
    unsigned count = cases ? inquest_worst(n->inquest, cases, INQUEST_CASES) : 0;
    noise_stall_tell_toll(run, n, cases, count);
    noise_stall_judge_causes(run, n);
    noise_stall_tell_worst(run, cases, count);
    free(cases);
}

static void noise_stall_note_sampler(struct probe_run *run, const struct noise_stall *n)
{
    uint64_t late = sampler_missed(n->sampler) + (n->inquest ? inquest_crowded(n->inquest) : 0);
    result_note(run->result,
                "One sleeper of 1 ms a CPU, %u in all, SCHED_OTHER, by timer descriptor; deadlines "
                "that a stall swallowed are counted as late ones.",
                sampler_cpus(n->sampler));
    if (sampler_unpinned(n->sampler))
        result_note(run->result, "%u CPUs were not watched by a sleeper of their own.",
                    sampler_unpinned(n->sampler));
    if (n->is_blind)
        result_note(run->result, "This kernel does not say how long a thread waits in the run "
                                 "queue (no /proc/PID/schedstat): other processes are not told "
                                 "from the hypervisor, and who took the time is less sure.");
    if (!n->inquest)
        result_note(run->result, "There was no memory to ask who caused the stalls.");
    if (late)
        result_note(run->result, "%llu stalls came faster than their causes could be looked for.",
                    (unsigned long long)late);
}

/* The worst CPUs over the whole window, where any was stolen from. */
static void noise_stall_note_cpus(struct probe_run *run, const struct noise_stall *n)
{
    AUTO(buf) struct buf text = { 0 };
    char share[UNITS_TEXT_BYTES];
    struct steal_share worst[NOISE_STEAL_CPUS];
    unsigned count = steal_worst(&n->first, &n->before, worst, NOISE_STEAL_CPUS);
    for (unsigned i = 0; i < count; i++)
        buf_addf(&text, "%sCPU %u %s", i ? ", " : "", worst[i].cpu,
                 units_format(worst[i].ratio, UNIT_RATIO, share));
    if (count)
        result_note(run->result, "Stolen in the whole window, the worst first: %s.",
                    buf_text(&text));
}

/* A hint of an oversold host: an idle guest asks for next to nothing, and should get it. */
static void noise_stall_state_idle(struct probe_run *run, const struct noise_stall *n)
{
    struct facts *f = &run->result->facts;
    double ratio = n->steal_known ? steal_ratio(&n->first.all, &n->before.all) : NAN;
    if (!n->steal_known || !n->before.reported || isnan(ratio))
        (void)facts_set_unknown(f, "host.steal.idle", "steal could not be read");
    else
        (void)facts_set_number(f, "host.steal.idle", ratio, UNIT_RATIO, n->clock.why);
}

static void noise_stall_note_steal(struct probe_run *run, const struct noise_stall *n)
{
    if (!n->steal_known)
        result_note(run->result, "Steal is not known: %s.", n->steal_error.msg);
    else if (!n->before.reported)
        result_note(run->result, "Steal is not known: this /proc/stat has no such column.");
    else
        noise_stall_note_cpus(run, n);
    if (n->clock.answer == STEALCLOCK_NO || n->clock.answer == STEALCLOCK_UNKNOWN)
        result_note(run->result, "A steal of 0 proves nothing here: %s. Trust the stalls.",
                    n->clock.why);
    else if (n->clock.answer == STEALCLOCK_NEEDLESS)
        result_note(run->result, "No steal is to be expected: %s.", n->clock.why);
}

static void noise_stall_judge(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    sampler_stop(n->sampler);
    if (n->inquest)
        noise_stall_judge_inquest(run, n);
    noise_stall_note_sampler(run, n);
    noise_stall_note_steal(run, n);
    noise_stall_state_idle(run, n);
}

static void noise_stall_teardown(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    if (!n)
        return;
    sampler_free(n->sampler);
    sleeper_release(&n->clerk);
    inquest_free(n->inquest);
    statfile_close(&n->stat);
    steal_release(&n->first);
    steal_release(&n->before);
    steal_release(&n->after);
    free(n);
    run->state = NULL;
}

const struct probe noise_stall = {
    .name = "noise.stall",
    .title = "Stalls and steal in a quiet window",
    .why =
        "A leader that is not run for longer than its election timeout is deposed: 0.3 s in Nomad, "
        "0.9 s in etcd; a mean hides it, the longest stall decides.",
    .source =
        "etcd server/embed/config.go (100 ms, 1000 ms); hashicorp/raft config.go (lease 500 ms); "
        "Linux Documentation/filesystems/proc.rst (steal)",
    .needs = PROBE_NEEDS_QUIET,
    .weight = 12,
    .repetition_ns = CLK_NS_PER_S,
    .metrics = noise_stall_metrics,
    .facts = noise_stall_facts,
    .setup = noise_stall_setup,
    .measure = noise_stall_measure,
    .judge = noise_stall_judge,
    .teardown = noise_stall_teardown,
};
