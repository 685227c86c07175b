#include "probes/disk/disk.h"
#include "probes/disk/sweep_rows.h"
#include "probes/disk/sweep_tell.h"
#include "probes/kit/clk.h"

static const struct metric disk_write_metrics[] = {
    SWEEP_METRICS("disk.write", "overwrite"),
    METRIC_END,
};

static int disk_write_estimate(const struct probe_site *site, const void *conf, uint64_t slot_ns,
                               struct probe_cost *cost, struct err *e)
{
    (void)e;
    return sweep_estimate(site, conf, true, slot_ns, cost);
}

static int disk_write_setup(struct probe_run *run, struct err *e)
{
    return sweep_setup(run, disk_write_metrics, true, e);
}

const struct probe disk_write = {
    .name = "disk.write",
    .title = "Random write latency and IOPS",
    .why = "Databases, logs and image layers write at random; what the disk does for them, the log "
           "of the cluster's own state waits behind.",
    .source = "etcd op-guide/hardware (disks); HashiCorp Consul reference architecture (IOPS)",
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET | PROBE_NEEDS_EACH,
    .effects = PROBE_WRITES_DISK,
    .weight = 7,
    .repetition_ns = 1500 * (uint64_t)CLK_NS_PER_MS, /* the longest turn, at a pace */
    .opts = sweep_opts,
    .conf_size = sizeof(struct ground_conf),
    .metrics = disk_write_metrics,
    .supported = sweep_supported,
    .estimate = disk_write_estimate,
    .setup = disk_write_setup,
    .measure = sweep_measure,
    .judge = sweep_tell_judge,
    .teardown = sweep_teardown,
};
