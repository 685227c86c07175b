#include <math.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/pressure.h"
#include "probes/noise/noise.h"

enum {
    PSI_CPU,
    PSI_IO,
    PSI_IO_FULL,
    PSI_MEMORY,
    PSI_MEMORY_FULL
};

static const struct metric noise_pressure_metrics[] = {
    [PSI_CPU] = {"noise.pressure.cpu",          UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                 "Share of the time in which some process waited for a CPU while nothing of ours ran." },
    [PSI_IO] = { "noise.pressure.io",          UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                 "Share of the time in which some process waited for a disk while nothing of ours ran."},
    [PSI_IO_FULL] = { "noise.pressure.io.full",     UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                 "The same, when all that could have run waited for a disk."                           },
    [PSI_MEMORY] = { "noise.pressure.memory",      UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "value",
                 "Share of the time in which some process waited for memory while nothing of ours ran."},
    [PSI_MEMORY_FULL] = { "noise.pressure.memory.full", UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",
                 "The same, when all that could have run waited for memory."                           },
    METRIC_END,
};

struct noise_pressure {
    struct pressure_files files;
    bool missing[PRESSURE_KINDS];
};

static int noise_pressure_supported(const struct probe_site *site, const void *conf, struct err *e)
{
    struct pressure_files files;
    (void)conf;
    int failed = pressure_open(site->proc_fd, &files, e);
    pressure_close(&files);
    return failed;
}

static int noise_pressure_setup(struct probe_run *run, struct err *e)
{
    struct noise_pressure *n = calloc(1, sizeof *n);
    run->state = n;
    return n ? pressure_open(run->site->proc_fd, &n->files, e)
             : err_set(e, ERR_NO_RESOURCE, 0, "no memory for the pressure files");
}

static void noise_pressure_wait(const struct probe_run *run)
{
    uint64_t slice_ns = 50 * (uint64_t)CLK_NS_PER_MS;
    for (uint64_t now = clk_now_ns(); now < run->until_ns && !*run->stopping; now = clk_now_ns()) {
        uint64_t left_ns = run->until_ns - now;
        (void)clk_sleep_until(now + (left_ns < slice_ns ? left_ns : slice_ns));
    }
}

static int noise_pressure_measure(struct probe_run *run, struct err *e)
{
    static const struct {
        unsigned row, full_row;
        enum pressure_kind kind;
        bool has_full;
    } rows[] = {
        {PSI_CPU,     0,               PRESSURE_CPU,    false},
        { PSI_IO,     PSI_IO_FULL,     PRESSURE_IO,     true },
        { PSI_MEMORY, PSI_MEMORY_FULL, PRESSURE_MEMORY, true },
    };
    struct noise_pressure *n = run->state;
    struct pressure before;
    struct pressure after;
    (void)e;
    uint64_t began_ns = clk_now_ns();
    pressure_look(&n->files, &before);
    noise_pressure_wait(run);
    uint64_t length_ns = clk_now_ns() - began_ns;
    pressure_look(&n->files, &after);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum pressure_kind k = rows[i].kind;
        n->missing[k] = !before.present[k] || !after.present[k];
        if (n->missing[k])
            continue;
        run->values[rows[i].row] = pressure_ratio(before.some_us[k], after.some_us[k], length_ns);
        if (rows[i].has_full && before.has_full[k] && after.has_full[k])
            run->values[rows[i].full_row] =
                pressure_ratio(before.full_us[k], after.full_us[k], length_ns);
    }
    return 0;
}

static void noise_pressure_judge(struct probe_run *run)
{
    const struct noise_pressure *n = run->state;
    result_note(run->result,
                "PSI of the whole system, from its totals in microseconds, while this program "
                "slept; what it had of a CPU to read them counts too. A CPU that all wait for is "
                "not told: for a whole system the kernel defines that as 0.");
    if (n->missing[PRESSURE_CPU] || n->missing[PRESSURE_IO] || n->missing[PRESSURE_MEMORY])
        result_note(run->result, "This kernel does not tell all three: cpu %s, io %s, memory %s.",
                    n->missing[PRESSURE_CPU] ? "no" : "yes", n->missing[PRESSURE_IO] ? "no" : "yes",
                    n->missing[PRESSURE_MEMORY] ? "no" : "yes");
}

static void noise_pressure_teardown(struct probe_run *run)
{
    struct noise_pressure *n = run->state;
    if (!n)
        return;
    pressure_close(&n->files);
    free(n);
    run->state = NULL;
}

const struct probe noise_pressure = {
    .name = "noise.pressure",
    .title = "Pressure at rest",
    .why =
        "What waits for a CPU, a disk or memory before an orchestrator has come will wait longer "
        "beside it; kubelet evicts pods from a node under memory pressure.",
    .source =
        "Linux Documentation/accounting/psi.rst (some, full, total); kubernetes node-pressure "
        "eviction",
    .needs = PROBE_NEEDS_QUIET,
    .weight = 2,
    .repetition_ns = CLK_NS_PER_S,
    .metrics = noise_pressure_metrics,
    .supported = noise_pressure_supported,
    .setup = noise_pressure_setup,
    .measure = noise_pressure_measure,
    .judge = noise_pressure_judge,
    .teardown = noise_pressure_teardown,
};
