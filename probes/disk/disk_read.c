#include "probes/disk/disk.h"
#include "probes/disk/sweep.h"
#include "probes/kit/clk.h"

/* Latency and rate at one depth; what of them stands in the headline. */
#define DISK_READ_AT(depth, latency_shown, rate_shown)                                             \
    { "disk.read.qd" #depth, UNIT_NS,                                                              \
      METRIC_LOWER,          METRIC_HIST,                                                          \
      latency_shown,         "How long a 4 KiB random read takes at queue depth " #depth "." },    \
    {                                                                                              \
        "disk.read.qd" #depth ".iops", UNIT_PER_S, METRIC_HIGHER, METRIC_MEAN, rate_shown,         \
            "4 KiB random reads a second at queue depth " #depth "."                               \
    }

static const struct metric disk_read_metrics[] = {
    DISK_READ_AT(1, "p50 p99", ""),
    DISK_READ_AT(2, "", ""),
    DISK_READ_AT(4, "", ""),
    DISK_READ_AT(8, "", ""),
    DISK_READ_AT(16, "", ""),
    DISK_READ_AT(32, "p50", "value"),
    DISK_READ_AT(64, "", ""),
    DISK_READ_AT(128, "", ""),
    [SWEEP_KNEE] = {"disk.read.knee",       UNIT_COUNT, METRIC_NEITHER, METRIC_MAX,  "value",
                    "Smallest queue depth with 95 % of the best rate; the largest of several rounds."},
    [SWEEP_KNEE_IOPS] = { "disk.read.knee.iops", UNIT_PER_S, METRIC_HIGHER,  METRIC_MEAN, "",
                    "4 KiB random reads a second at the knee."                                       },
    [SWEEP_PACED] = { "disk.read.paced",     UNIT_NS,    METRIC_LOWER,   METRIC_HIST, "",
                    "How long a 4 KiB random read takes when one is due every 10 ms."                },
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
    .needs = PROBE_NEEDS_SCRATCH | PROBE_NEEDS_QUIET,
    .effects = PROBE_WRITES_DISK | PROBE_READS_DISK,
    .weight = 7,
    .repetition_ns = 1500 * (uint64_t)CLK_NS_PER_MS, /* the longest turn, at a pace */
    .opts = sweep_opts,
    .conf_size = sizeof(struct sweep_conf),
    .metrics = disk_read_metrics,
    .supported = sweep_supported,
    .estimate = disk_read_estimate,
    .setup = disk_read_setup,
    .measure = sweep_measure,
    .judge = sweep_judge,
    .teardown = sweep_teardown,
};
