#include "probes/disk/disk.h"
#include "probes/disk/sweep_rows.h"
#include "probes/disk/sweep_tell.h"
#include "probes/kit/clk.h"

static const struct metric disk_read_metrics[] = {
    SWEEP_METRICS("disk.read", "read"),
    [SWEEP_PACED] = {"disk.read.paced", UNIT_NS, METRIC_LOWER, METRIC_HIST, "",
                     "How long a 4 KiB random read takes when one is due every 10 ms."},
    METRIC_END,
};

static int disk_read_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                              struct probe_cost *cost, struct err *e)
{
    (void)e;
    return sweep_estimate(site, conf, false, slot_ns, cost);
}

static int disk_read_setup(struct probe_run *run, struct err *e)
{
    return sweep_setup(run, disk_read_metrics, false, e);
}

const struct probe disk_read = {
    .name = "disk.read",
    .title = "Random read latency and IOPS",
    .why = "Restarts, image starts and databases in containers read at random; a leader that must "
           "read its state back answers late.",
    .source = "etcd op-guide/hardware (disks); HashiCorp Consul reference architecture (IOPS)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK,
    .weight = 9,
    .repetition_ns = 1500 * (uint64_t)CLK_NS_PER_MS, /* the longest turn, at a pace */
    .opts = sweep_opts,
    .conf_size = sizeof(struct ground_conf),
    .metrics = disk_read_metrics,
    .supported = sweep_supported,
    .estimate = disk_read_estimate,
    .setup = disk_read_setup,
    .measure = sweep_measure,
    .judge = sweep_tell_judge,
    .teardown = sweep_teardown,
};
