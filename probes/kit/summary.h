/*
 * summary: from the repetitions of one metric to its statistics, with intervals.
 *
 * METRIC_HIST: mean p50 p90 p99 p99.9 max. A quantile's interval is the wider of order statistics
 * of the pooled sample and a bootstrap over whole repetitions; the mean's is Student's over the
 * repetitions' means; the maximum bounds from below only. METRIC_MEAN: Student's t over the
 * repetitions. METRIC_MAX: from below only. METRIC_SUM: none. METRIC_EVENTS: of all repetitions
 * as one, exact (Garwood); with no event 0 to 3/t.
 */
#ifndef PROBES_KIT_SUMMARY_H
#define PROBES_KIT_SUMMARY_H

#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"
#include "probes/kit/result.h"

/* Same seed, same intervals. */
int summary_of_metric(struct result_metric *m, uint64_t seed, struct err *e);

#endif
