/*
 * sweep_rows: the rows of a sweep's metric table, in the order that sweep.h knows them by: two for
 * each depth, then the knee's. `dir` is what the names begin with, `act` what one I/O is called:
 *
 *     static const struct metric metrics[] = { SWEEP_METRICS("disk.read", "read"), METRIC_END };
 */
#ifndef PROBES_DISK_SWEEP_ROWS_H
#define PROBES_DISK_SWEEP_ROWS_H

#include "probes/disk/sweep.h"
#include "probes/kit/metric.h"

/* One depth; what of it stands in the headline. */
#define SWEEP_METRICS_AT(dir, act, depth, shown_latency, shown_rate)                               \
    { .id = dir ".qd" #depth,                                                                      \
      .unit = UNIT_NS,                                                                             \
      .better = METRIC_LOWER,                                                                      \
      .kind = METRIC_HIST,                                                                         \
      .show = (shown_latency),                                                                     \
      .what = "How long a 4 KiB random " act " takes at queue depth " #depth "." },                \
    {                                                                                              \
        .id = dir ".qd" #depth ".iops", .unit = UNIT_PER_S, .better = METRIC_HIGHER,               \
        .kind = METRIC_MEAN, .show = (shown_rate),                                                 \
        .what = "4 KiB random " act "s a second at queue depth " #depth "."                        \
    }

#define SWEEP_METRICS(dir, act)                                                                    \
    SWEEP_METRICS_AT(dir, act, 1, "p50 p99", ""), SWEEP_METRICS_AT(dir, act, 2, "", ""),           \
        SWEEP_METRICS_AT(dir, act, 4, "", ""), SWEEP_METRICS_AT(dir, act, 8, "", ""),              \
        SWEEP_METRICS_AT(dir, act, 16, "", ""), SWEEP_METRICS_AT(dir, act, 32, "p50", "value"),    \
        SWEEP_METRICS_AT(dir, act, 64, "", ""), SWEEP_METRICS_AT(dir, act, 128, "", ""),           \
        [SWEEP_KNEE] = { dir ".knee",                                                              \
                         UNIT_COUNT,                                                               \
                         METRIC_NEITHER,                                                           \
                         METRIC_MAX,                                                               \
                         "value",                                                                  \
                         "The smallest depth with 95 % of the best rate, the largest of several "  \
                         "rounds." },                                                              \
        [SWEEP_KNEE_IOPS] = {                                                                      \
            dir ".knee.iops", UNIT_PER_S, METRIC_HIGHER,                                           \
            METRIC_MEAN,      "",         "4 KiB random " act "s a second at the knee."            \
        }

#endif
