#include "probes/disk/disk.h"
#include "probes/disk/sweep.h"
#include "probes/kit/clk.h"

/* Latency and rate at one depth; what of them stands in the headline. */
#define DISK_WRITE_AT(depth, latency_shown, rate_shown)                                              \
    {                                                                                                \
        "disk.write.qd" #depth, UNIT_NS,                                                             \
        METRIC_LOWER,           METRIC_HIST,                                                         \
        latency_shown,          "How long a 4 KiB random overwrite takes at queue depth " #depth "." \
    },                                                                                               \
    {                                                                                                \
        "disk.write.qd" #depth ".iops", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, rate_shown,          \
            "4 KiB random overwrites a second at queue depth " #depth "."                            \
    }

static const struct metric disk_write_metrics[] = {
    DISK_WRITE_AT(1, "p50 p99", ""),
    DISK_WRITE_AT(2, "", ""),
    DISK_WRITE_AT(4, "", ""),
    DISK_WRITE_AT(8, "", ""),
    DISK_WRITE_AT(16, "", ""),
    DISK_WRITE_AT(32, "p50", "value"),
    DISK_WRITE_AT(64, "", ""),
    DISK_WRITE_AT(128, "", ""),
    [SWEEP_KNEE] = {"disk.write.knee",       UNIT_COUNT, METRIC_NEITHER, METRIC_MAX,  "value",
                    "Smallest queue depth with 95 % of the best rate; the largest of several rounds."},
    [SWEEP_KNEE_IOPS] = { "disk.write.knee.iops", UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "4 KiB random overwrites a second at the knee."                                  },
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
    .judge = sweep_judge,
    .teardown = sweep_teardown,
};
