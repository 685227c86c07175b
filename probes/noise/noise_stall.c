#include <math.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/steal.h"
#include "probes/noise/noise.h"
#include "probes/noise/sampler.h"

enum {
    NOISE_STALL,
    NOISE_STEAL,
    NOISE_STEAL_CPU
};

static const struct metric noise_stall_metrics[] = {
    [NOISE_STALL] = {"noise.stall",      UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50 p99 max",
                     "How late a 1-ms sleeper wakes on any CPU while nothing of ours runs." },
    [NOISE_STEAL] = { "noise.steal",     UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                     "Share of all CPU time that the hypervisor gave to others, as it says."},
    [NOISE_STEAL_CPU] = { "noise.steal.cpu", UNIT_RATIO, METRIC_LOWER, METRIC_MAX,  "",
                     "The same on the CPU and in the second where it was worst."            },
    METRIC_END,
};

#define NOISE_STALL_EVENT_NS (10 * (uint64_t)CLK_NS_PER_MS)

struct noise_stall {
    struct sampler *sampler;
    struct steal before, after;
    struct err steal_error;
    bool steal_known;
};

static int noise_stall_setup(struct probe_run *run, struct err *e)
{
    struct noise_stall *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the stall sampler");
    n->sampler = sampler_open(e);
    if (!n->sampler)
        return -1;
    /* Twice, so that measure finds its arrays large enough and allocates nothing. */
    n->steal_known = !steal_read(run->site->proc_fd, &n->before, &n->steal_error) &&
                     !steal_read(run->site->proc_fd, &n->after, &n->steal_error);
    sampler_start(n->sampler);
    return 0;
}

static int noise_stall_measure(struct probe_run *run, struct err *e)
{
    struct noise_stall *n = run->state;
    (void)e;
    uint64_t slice = 50 * (uint64_t)CLK_NS_PER_MS;
    for (uint64_t now = clk_now_ns(); now < run->until_ns && !*run->stopping; now = clk_now_ns()) {
        uint64_t left = run->until_ns - now;
        (void)clk_sleep_until(now + (left < slice ? left : slice));
    }
    sampler_take(n->sampler, &run->hists[NOISE_STALL]);
    if (!n->steal_known || steal_read(run->site->proc_fd, &n->after, &n->steal_error))
        return 0;
    if (n->before.reported && n->after.reported) {
        run->values[NOISE_STEAL] = steal_ratio(&n->before.all, &n->after.all);
        run->values[NOISE_STEAL_CPU] = steal_worst_ratio(&n->before, &n->after, NULL);
    }
    struct steal swap = n->before;
    n->before = n->after;
    n->after = swap;
    return 0;
}

static void noise_stall_judge(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    struct sampler_worst worst[SAMPLER_WORST];
    unsigned count = sampler_worst(n->sampler, worst);
    for (unsigned i = 0; i < count; i++) {
        if (worst[i].stall_ns >= NOISE_STALL_EVENT_NS)
            result_event(run->result, worst[i].at_ns - run->run_start_ns, worst[i].stall_ns,
                         "stall of %.1f ms on CPU %u", (double)worst[i].stall_ns / CLK_NS_PER_MS,
                         worst[i].cpu);
    }
    result_note(
        run->result,
        "One sleeper of 1 ms on each of %u CPUs, SCHED_OTHER, timer slack 1 ns; deadlines that "
        "a stall swallowed are counted as late ones.",
        sampler_cpus(n->sampler));
    if (sampler_unpinned(n->sampler))
        result_note(run->result, "%u sleepers could not be pinned to their CPU.",
                    sampler_unpinned(n->sampler));
    if (!n->steal_known)
        result_note(run->result, "Steal is not known: %s.", n->steal_error.msg);
    else if (!n->before.reported)
        result_note(run->result, "Steal is not known: this /proc/stat has no such column.");
    else
        result_note(run->result,
                    "A steal of 0 proves nothing on VMware, on Hyper-V or in a container, "
                    "where nothing fills the column: trust the stalls.");
}

static void noise_stall_teardown(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    if (!n)
        return;
    sampler_free(n->sampler);
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
    .setup = noise_stall_setup,
    .measure = noise_stall_measure,
    .judge = noise_stall_judge,
    .teardown = noise_stall_teardown,
};
