#include "probes/disk/disk.h"
#include "probes/disk/sweep.h"
#include "probes/disk/sweep_tell.h"
#include "probes/kit/clk.h"

/* Two rows for each depth; what of them stands in the headline. */
#define LATENCY_AT(depth, shown)                                                                   \
    {                                                                                              \
        .id = "disk.read.qd" #depth, .unit = UNIT_NS, .better = METRIC_LOWER, .kind = METRIC_HIST, \
        .show = (shown), .what = "How long a 4 KiB random read takes at queue depth " #depth "."   \
    }
#define RATE_AT(depth, shown)                                                                      \
    {                                                                                              \
        .id = "disk.read.qd" #depth ".iops", .unit = UNIT_PER_S, .better = METRIC_HIGHER,          \
        .kind = METRIC_MEAN, .show = (shown),                                                      \
        .what = "4 KiB random reads a second at queue depth " #depth "."                           \
    }

static const struct metric disk_read_metrics[] = {
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
    [SWEEP_KNEE] = {"disk.read.knee",       UNIT_COUNT, METRIC_NEITHER, METRIC_MAX,  "value",
                    "The smallest depth with 95 % of the best rate, the largest of several rounds."},
    [SWEEP_KNEE_IOPS] = { "disk.read.knee.iops", UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "4 KiB random reads a second at the knee."                                     },
    [SWEEP_PACED] = { "disk.read.paced",     UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                    "How long a 4 KiB random read takes when one is due every 10 ms."              },
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
    .conf_size = sizeof(struct sweep_conf),
    .metrics = disk_read_metrics,
    .supported = sweep_supported,
    .estimate = disk_read_estimate,
    .setup = disk_read_setup,
    .measure = sweep_measure,
    .judge = sweep_tell_judge,
    .teardown = sweep_teardown,
};
