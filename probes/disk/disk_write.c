#include "probes/disk/disk.h"
#include "probes/disk/sweep.h"
#include "probes/disk/sweep_tell.h"
#include "probes/kit/clk.h"

/* Two rows for each depth; what of them stands in the headline. */
#define LATENCY_AT(depth, shown)                                                                   \
    {                                                                                              \
        .id = "disk.write.qd" #depth, .unit = UNIT_NS, .better = METRIC_LOWER,                     \
        .kind = METRIC_HIST, .show = (shown),                                                      \
        .what = "How long a 4 KiB random overwrite takes at queue depth " #depth "."               \
    }
#define RATE_AT(depth, shown)                                                                      \
    {                                                                                              \
        .id = "disk.write.qd" #depth ".iops", .unit = UNIT_PER_S, .better = METRIC_HIGHER,         \
        .kind = METRIC_MEAN, .show = (shown),                                                      \
        .what = "4 KiB random overwrites a second at queue depth " #depth "."                      \
    }

static const struct metric disk_write_metrics[] = {
    LATENCY_AT(1, "p50 p99"),
    RATE_AT(1, ""),
    LATENCY_AT(2, ""),
    RATE_AT(2, ""),
    LATENCY_AT(4, ""),
    RATE_AT(4, ""),
    LATENCY_AT(8, ""),
    RATE_AT(8, ""),
    LATENCY_AT(16, ""),
    RATE_AT(16, ""),
    LATENCY_AT(32, "p50"),
    RATE_AT(32, "value"),
    LATENCY_AT(64, ""),
    RATE_AT(64, ""),
    LATENCY_AT(128, ""),
    RATE_AT(128, ""),
    [SWEEP_KNEE] = {"disk.write.knee",       UNIT_COUNT, METRIC_NEITHER, METRIC_MAX,  "value",
                    "The smallest depth with 95 % of the best rate, the largest of several rounds."},
    [SWEEP_KNEE_IOPS] = { "disk.write.knee.iops", UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "4 KiB random overwrites a second at the knee."                                },
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
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .effects = PROBE_WRITES_DISK,
    .weight = 7,
    .repetition_ns = 1500 * (uint64_t)CLK_NS_PER_MS, /* the longest turn, at a pace */
    .opts = sweep_opts,
    .conf_size = sizeof(struct sweep_conf),
    .metrics = disk_write_metrics,
    .supported = sweep_supported,
    .estimate = disk_write_estimate,
    .setup = disk_write_setup,
    .measure = sweep_measure,
    .judge = sweep_tell_judge,
    .teardown = sweep_teardown,
};
