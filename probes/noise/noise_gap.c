#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/affinity.h"
#include "probes/kit/clk.h"
#include "probes/kit/cpuid.h"
#include "probes/kit/limits.h"
#include "probes/kit/stealclock.h"
#include "probes/noise/gap_tell.h"
#include "probes/noise/hunt.h"
#include "probes/noise/noise.h"
#include "probes/noise/rota.h"

enum {
    NOISE_GAP,
    NOISE_GAP_RATE,
    NOISE_GAP_LOST,
    NOISE_GAP_CAUSE /* and so many more */
};

/* /proc/interrupts has a column a CPU and some 100 lines: on more CPUs a reading takes
 * milliseconds. */
enum {
    NOISE_GAP_CPUS_COUNTED = 128
};

#define NOISE_GAP_REPETITION_NS ((uint64_t)CLK_NS_PER_S)
/* A last repetition that is shorter says nothing that the others do not. */
#define NOISE_GAP_LEAST_NS (NOISE_GAP_REPETITION_NS / 4)

struct noise_gap_conf {
    const char *spin;
    uint64_t threshold_ns;
};

static const struct opt noise_gap_opts[] = {
    OPT_TEXT(struct noise_gap_conf, spin, .name = "spin", .arg = "SHARE", .initial = "25%",
             .help = "Share of the time that the loop takes one CPU for itself; more finds rarer "
                     "gaps, and costs a host that bills by CPU credits more of them."),
    OPT_DURATION(struct noise_gap_conf, threshold_ns, .name = "threshold", .max = HUNT_LONG_NS,
                 .help = "Shortest gap that counts; 0 is 3us, or eight steps of the loop where its "
                         "clock is slow."),
    OPT_END,
};

static const struct metric noise_gap_metrics[] = {
    [NOISE_GAP] = {"noise.gap",             UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50 max",
                   "How long something else had a CPU in which a busy loop ran."                                                },
    [NOISE_GAP_RATE] = { "noise.gap.rate",       UNIT_PER_S, METRIC_LOWER, METRIC_MEAN, "value",
                   "Gaps above the threshold in a second of the loop."                                                          },
    [NOISE_GAP_LOST] = { "noise.gap.lost",       UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                   "Share of its time that the loop lost in gaps."                                                              },
    [NOISE_GAP_CAUSE +
        CAUSE_HYPERVISOR] = { "noise.gap.hypervisor", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that the hypervisor took, and says so in the steal column."                        },
    [NOISE_GAP_CAUSE +
        CAUSE_UNREPORTED] = { "noise.gap.unreported", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that the hypervisor took without saying so: nothing inside this guest explains it."},
    [NOISE_GAP_CAUSE +
        CAUSE_OTHERS] = { "noise.gap.others",     UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that this guest's other processes took."                                           },
    [NOISE_GAP_CAUSE +
        CAUSE_OWN] = { "noise.gap.own",        UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that this program's own processes took."                                           },
    [NOISE_GAP_CAUSE +
        CAUSE_QUOTA] = { "noise.gap.quota",      UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that the CPU quota of our control group took."                                     },
    [NOISE_GAP_CAUSE + CAUSE_INTERRUPTS] = { "noise.gap.interrupts", UNIT_RATIO, METRIC_LOWER,
                   METRIC_MEAN,                                                    "",
                   "Share of the loop's time that interrupts took."                                                             },
    [NOISE_GAP_CAUSE +
        CAUSE_HALTED] = { "noise.gap.halted",     UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time in which it was stopped or frozen."                                                },
    [NOISE_GAP_CAUSE +
        CAUSE_UNKNOWN] = { "noise.gap.unknown",    UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                   "Share of the loop's time that is lost, and nothing explains it."                                            },
    METRIC_END,
};

struct noise_gap {
    struct hunt hunt;
    struct rota rota;
    struct hunt_cpu *cpus; /* owned; by number */
    uint32_t *numbers;     /* owned; the same CPUs */
    struct hunt_cpu loose; /* where no CPU can be bound to */
    unsigned count;
    double share;
    unsigned turns;                                      /* of a repetition */
    uint64_t settled_ns[CAUSES], lost_ns, spun_ns, gaps; /* of the repetitions before */
};

/* ERR_USAGE naming the option. */
static int noise_gap_share(const struct noise_gap_conf *c, double *share, struct err *e)
{
    if (units_parse(c->spin, UNIT_RATIO, share, e))
        return err_wrap(e, "--spin");
    if (*share < 0.01 || *share > 1)
        return err_set(e, ERR_USAGE, 0,
                       "--spin: '%s' is no share that a loop can take; 1%% to 100%%, as in 25%%",
                       c->spin);
    return 0;
}

static int noise_gap_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    double share = 0;
    (void)site;
    return noise_gap_share(conf, &share, e);
}

/* The table has all CPUs of the machine, whichever this process may run on. */
static bool noise_gap_counts_interrupts(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN) <= NOISE_GAP_CPUS_COUNTED;
}

static int noise_gap_list_cpus(struct noise_gap *n, uint64_t seed, struct err *e)
{
    n->numbers = calloc(LIMITS_CPUS, sizeof *n->numbers);
    n->cpus = calloc(LIMITS_CPUS, sizeof *n->cpus);
    if (!n->numbers || !n->cpus)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the list of CPUs");
    int count = affinity_cpus(n->numbers, LIMITS_CPUS, e);
    if (count < 1)
        return -1;
    n->count = (unsigned)count;
    for (unsigned i = 0; i < n->count; i++)
        n->cpus[i].cpu = n->numbers[i];
    rota_init(&n->rota, n->numbers, n->count, seed);
    return 0;
}

static int noise_gap_setup(struct probe_run *run, struct err *e)
{
    const struct noise_gap_conf *c = run->conf;
    struct noise_gap *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the loop");
    struct cpuid cpuid = cpuid_read();
    struct stealclock steal;
    stealclock_find(run->site->proc_fd, run->site->sys_fd, &cpuid, &steal);
    struct hunt_site site = { .proc_fd = run->site->proc_fd,
                              .sys_fd = run->site->sys_fd,
                              .host = stealclock_host(&steal),
                              .counts_interrupts = noise_gap_counts_interrupts(),
                              .stopping = run->stopping,
                              .threshold_ns = c->threshold_ns };
    if (hunt_open(&n->hunt, &site, e) || noise_gap_share(c, &n->share, e) ||
        noise_gap_list_cpus(n, run->seed, e))
        return -1;
    uint64_t spin_ns = (uint64_t)(n->share * (double)NOISE_GAP_REPETITION_NS);
    n->turns = rota_turns(&n->rota, spin_ns, run->slot_ns / NOISE_GAP_REPETITION_NS);
    return 0;
}

/* On the next CPU that lets itself be bound to, or on whichever the scheduler chooses. */
static void noise_gap_turn(struct noise_gap *n, uint64_t due_ns, uint64_t until_ns)
{
    for (unsigned tries = 0; tries < n->count; tries++) {
        if (hunt_turn(&n->hunt, &n->cpus[rota_take(&n->rota)], due_ns, until_ns))
            return;
    }
    hunt_turn_loose(&n->hunt, &n->loose, due_ns, until_ns);
}

/* What all CPUs lost so far, by cause, as far as it is settled. */
static void noise_gap_add_up(const struct noise_gap *n, struct gap_tell_sum *sum)
{
    *sum = (struct gap_tell_sum){ 0 };
    for (unsigned i = 0; i < n->count; i++)
        gap_tell_add(sum, &n->hunt, &n->cpus[i]);
    gap_tell_add(sum, &n->hunt, &n->loose);
}

static double noise_gap_ratio(uint64_t part_ns, uint64_t whole_ns)
{
    return fmin(1, (double)part_ns / (double)whole_ns);
}

/* A long gap in a short window can be longer than the window. */
static void noise_gap_values(struct probe_run *run, struct noise_gap *n)
{
    struct gap_tell_sum sum;
    noise_gap_add_up(n, &sum);
    uint64_t spun_ns = sum.blame.observed_ns - n->spun_ns;
    if (spun_ns == 0)
        return;
    hist_merge(&run->hists[NOISE_GAP], &n->hunt.gaps);
    run->values[NOISE_GAP_RATE] = (double)(sum.gaps - n->gaps) * CLK_NS_PER_S / (double)spun_ns;
    run->values[NOISE_GAP_LOST] = noise_gap_ratio(sum.lost_ns - n->lost_ns, spun_ns);
    for (unsigned i = 0; i < CAUSES; i++) {
        uint64_t settled_ns = sum.blame.lost_ns[i] - n->settled_ns[i];
        run->values[NOISE_GAP_CAUSE + i] = noise_gap_ratio(settled_ns, spun_ns);
    }
    for (unsigned i = 0; i < NOISE_GAP_CAUSE + CAUSES; i++)
        run->observed_ns[i] = spun_ns;
    n->spun_ns = sum.blame.observed_ns;
    n->gaps = sum.gaps;
    n->lost_ns = sum.lost_ns;
    memcpy(n->settled_ns, sum.blame.lost_ns, sizeof n->settled_ns);
}

static int noise_gap_measure(struct probe_run *run, struct err *e)
{
    struct noise_gap *n = run->state;
    uint64_t began_ns = clk_now_ns();
    uint64_t length_ns = run->until_ns > began_ns ? run->until_ns - began_ns : 0;
    uint64_t each_ns = length_ns / n->turns;
    uint64_t spin_ns = (uint64_t)((double)each_ns * n->share);
    (void)e;
    hist_clear(&n->hunt.gaps);
    for (unsigned i = 0; i < n->turns && !*run->stopping; i++) {
        uint64_t due_ns = began_ns + i * each_ns;
        noise_gap_turn(n, due_ns, due_ns + spin_ns);
    }
    hunt_rest(&n->hunt, run->until_ns);
    uint64_t now_ns = clk_now_ns();
    run->done = now_ns + NOISE_GAP_LEAST_NS > run->slot_end_ns || *run->stopping;
    if (run->done)
        hunt_close(&n->hunt);
    noise_gap_values(run, n);
    return 0;
}

static void noise_gap_judge(struct probe_run *run)
{
    struct noise_gap *n = run->state;
    struct gap_tell tell = { .hunt = &n->hunt,
                             .cpus = n->cpus,
                             .count = n->count,
                             .loose = &n->loose,
                             .no_interrupts = !noise_gap_counts_interrupts(),
                             .run_start_ns = run->run_start_ns };
    gap_tell_all(&tell, run->result);
    gap_tell_events(&tell, run->result);
    result_note(
        run->result,
        "One busy loop, SCHED_OTHER, on one CPU at a time for %.0f %% of the time, %u %s of "
        "%.0f ms a second; a step of it takes %llu ns, and what is %.1f us longer or more "
        "is a gap.",
        n->share * 100, n->turns, n->turns == 1 ? "turn" : "turns", n->share * 1000 / n->turns,
        (unsigned long long)n->hunt.spin.step_ns,
        (double)n->hunt.spin.threshold_ns / CLK_NS_PER_US);
    tick_tell(&n->hunt.clock, run->result);
}

static void noise_gap_teardown(struct probe_run *run)
{
    struct noise_gap *n = run->state;
    if (!n)
        return;
    hunt_release(&n->hunt);
    free(n->cpus);
    free(n->numbers);
    free(n);
    run->state = NULL;
}

const struct probe noise_gap = {
    .name = "noise.gap",
    .title = "Who takes the CPU from a busy loop",
    .why = "A hypervisor that shares its CPUs out takes them in gaps of milliseconds, and may hide "
           "it: steal stays 0 on VMware, Hyper-V and in containers. A loop that only reads the "
           "clock cannot be lied to; a Raft heartbeat in such a gap is late by all of it.",
    .source = "sysjitter (D. Riddoch) and rt-tests' oslat, the idea; Linux "
              "Documentation/scheduler/sched-stats.rst (run delay), "
              "Documentation/filesystems/proc.rst (steal, interrupts), "
              "Documentation/scheduler/sched-bwc.rst (quota)",
    .needs = PROBE_NEEDS_QUIET,
    .effects = PROBE_LOADS_CPU,
    .weight = 8,
    .repetition_ns = NOISE_GAP_REPETITION_NS,
    .opts = noise_gap_opts,
    .conf_size = sizeof(struct noise_gap_conf),
    .metrics = noise_gap_metrics,
    .supported = noise_gap_supported,
    .setup = noise_gap_setup,
    .measure = noise_gap_measure,
    .judge = noise_gap_judge,
    .teardown = noise_gap_teardown,
};
