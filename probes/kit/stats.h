/*
 * stats: pure functions over arrays and histograms. No state, no allocation beyond the arguments.
 */
#ifndef PROBES_KIT_STATS_H
#define PROBES_KIT_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"

struct interval {
    double low, high; /* 95 %; NAN where there is none */
};

void stats_sort(double *v, size_t n);
/* Of a sorted array, n >= 1; linear interpolation (R type 7). */
double stats_quantile_sorted(const double *v, size_t n, double q);
double stats_median(double *v, size_t n); /* sorts v; NAN when n is 0 */
double stats_mean(const double *v, size_t n);
double stats_stddev(const double *v, size_t n); /* sample, n - 1; NAN when n < 2 */

/* Student's t over n block values: the interval of their mean. NAN when n < 2. */
struct interval stats_mean_interval(const double *v, size_t n);

/*
 * The 95 % interval of the q-quantile from order statistics of one histogram (exact binomial, no
 * assumption on the distribution; assumes independent samples, so it is a lower bound on the
 * doubt). An end is NAN when the sample cannot bound it (n too small for that q): p99.9 has an
 * upper bound from 3688 samples on. Ends are the outer edges of their buckets.
 */
struct interval stats_quantile_interval(const struct hist *h, double q);

/*
 * The 95 % intervals of some quantiles of the pooled blocks by bootstrap over whole blocks, so that
 * bursts inside a block stay together. 200 resamples; same seed, same intervals. NAN when fewer
 * than 3 blocks hold anything, or no memory is left. Some 5 ms for ten blocks, whatever their
 * samples.
 */
enum {
    STATS_QUANTILES = 8 /* at most, in one call */
};

void stats_block_intervals(const struct hist *const *blocks, size_t n, const double *q,
                           struct interval *found, size_t quantiles, uint64_t seed);

/*
 * a, made wider where b is. Where a does not know an end it stays unknown: no bootstrap bounds what
 * the sample is too small for.
 */
struct interval stats_interval_widen(struct interval a, struct interval b);

/*
 * The 95 % interval of how many events are to be expected in a time in which `events` were seen,
 * when they come independently: both ends exact, 2.5 % each (Garwood). With none seen the lower end
 * is 0, and the upper one 3, the rule of three (95 % on the one side that is left).
 * SOURCE: F. Garwood, Biometrika 28, 1936.
 */
struct interval stats_events_interval(uint64_t events);

/*
 * Rule of three: none seen in observed_ns bounds the rate below 3/observed with 95 % confidence.
 * SOURCE: Hanley, Lippman-Hand, JAMA 1983. Events per hour.
 */
double stats_rule_of_three_per_hour(uint64_t observed_ns);

#endif
