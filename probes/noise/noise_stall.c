#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/container.h"
#include "probes/kit/limits.h"
#include "probes/kit/sampler.h"
#include "probes/kit/steal.h"
#include "probes/kit/virt.h"
#include "probes/noise/noise.h"

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
    int stat_fd;     /* /proc/stat */
    char *stat_text; /* LIMITS_PROC_BYTES, so that measure allocates nothing */
    struct err steal_error;
    bool steal_known;
};

/* -1 with n->steal_error. */
static int noise_stall_read(struct noise_stall *n, struct steal *into)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < LIMITS_PROC_BYTES - 1) {
        got = pread(n->stat_fd, n->stat_text + size, LIMITS_PROC_BYTES - 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return err_set(&n->steal_error, ERR_IO, errno, "read /proc/stat");
    n->stat_text[size] = '\0';
    return steal_parse(n->stat_text, into, &n->steal_error);
}

/* Steal is a witness beside the stalls: without it the probe goes on. */
static bool noise_stall_open_steal(struct noise_stall *n, int proc_fd)
{
    n->stat_fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC);
    n->stat_text = malloc(LIMITS_PROC_BYTES);
    if (n->stat_fd < 0 || !n->stat_text) {
        (void)err_set(&n->steal_error, ERR_IO, errno, "open /proc/stat");
        return false;
    }
    /* Twice, so that measure finds its arrays large enough. */
    return !noise_stall_read(n, &n->before) && !noise_stall_read(n, &n->after);
}

static int noise_stall_setup(struct probe_run *run, struct err *e)
{
    struct noise_stall *n = calloc(1, sizeof *n);
    run->state = n;
    if (!n)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the stall sampler");
    n->stat_fd = -1;
    n->sampler = sampler_open(&(struct sampler_terms){ 0 }, e);
    if (!n->sampler)
        return -1;
    n->steal_known = noise_stall_open_steal(n, run->site->proc_fd);
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
    if (!n->steal_known || noise_stall_read(n, &n->after))
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

static void noise_stall_tell_worst(struct probe_run *run, const struct sampler *sampler)
{
    struct sampler_worst worst[SAMPLER_WORST];
    unsigned count = sampler_worst(sampler, worst);
    for (unsigned i = 0; i < count; i++) {
        if (worst[i].stall_ns < NOISE_STALL_EVENT_NS || worst[i].at_ns < run->run_start_ns)
            continue;
        result_event(run->result, worst[i].at_ns - run->run_start_ns, worst[i].stall_ns,
                     "stall of %.1f ms on CPU %u", (double)worst[i].stall_ns / CLK_NS_PER_MS,
                     worst[i].cpu);
    }
}

/*
 * Why a steal of 0 would say nothing here; NULL where the column is filled.
 * SOURCE: Linux arch/x86/kernel/kvm.c (KVM_FEATURE_STEAL_TIME), arch/x86/kernel/cpu/vmware.c (steal
 * clock only where the hypervisor offers it); there is none for Hyper-V guests.
 */
static const char *noise_stall_doubt(const struct virt *v, const struct container *c,
                                     const struct cpuid *cpuid)
{
    if (strcmp(c->name, "none") != 0)
        return "in a container the column is another machine's or nobody's";
    if (strcmp(v->name, "vmware") == 0)
        return "VMware fills the column only where its steal clock is switched on";
    if (strcmp(v->name, "microsoft") == 0)
        return "Hyper-V fills the column of no Linux guest";
    if (strcmp(v->name, "qemu") == 0)
        return "an emulated machine has no steal clock";
    if (strncmp(cpuid->vendor, "KVM", 3) == 0 && !(cpuid->features & CPUID_KVM_STEAL_TIME))
        return "this KVM host offers its guests no steal clock (CPUID 0x40000001, bit 5)";
    return NULL;
}

static void noise_stall_note_steal(struct probe_run *run, const struct noise_stall *n)
{
    struct cpuid cpuid = cpuid_read();
    struct container c;
    struct virt v;
    virt_find(run->site->proc_fd, run->site->sys_fd, &cpuid, &v);
    container_find(run->site->proc_fd, run->site->sys_fd, &c);
    const char *doubt = noise_stall_doubt(&v, &c, &cpuid);
    if (!n->steal_known) {
        result_note(run->result, "Steal is not known: %s.", n->steal_error.msg);
    } else if (!n->before.reported) {
        result_note(run->result, "Steal is not known: this /proc/stat has no such column.");
    } else if (doubt) {
        result_note(run->result, "A steal of 0 proves nothing here: %s. Trust the stalls.", doubt);
    } else if (strcmp(v.name, "none") == 0) {
        result_note(run->result, "There is no hypervisor that could steal: %s.", v.why);
    }
}

static void noise_stall_judge(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    noise_stall_tell_worst(run, n->sampler);
    result_note(run->result,
                "One sleeper of 1 ms on each of %u CPUs, SCHED_OTHER, timer slack 1 ns; deadlines "
                "that a stall swallowed are counted as late ones.",
                sampler_cpus(n->sampler));
    if (sampler_unpinned(n->sampler)) {
        result_note(run->result, "%u CPUs were not watched by a sleeper of their own.",
                    sampler_unpinned(n->sampler));
    }
    noise_stall_note_steal(run, n);
}

static void noise_stall_teardown(struct probe_run *run)
{
    struct noise_stall *n = run->state;
    if (!n)
        return;
    sampler_free(n->sampler);
    auto_close_fd(&n->stat_fd);
    free(n->stat_text);
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
