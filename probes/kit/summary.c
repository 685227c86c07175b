/*
 * summary: from the repetitions of one metric to its statistics.
 */
#include "probes/kit/summary.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

/* Student's, cut at 0: times, rates and shares are never negative, however few the repetitions. */
static struct interval mean_interval(const double *values, size_t count)
{
    struct interval i = stats_mean_interval(values, count);
    i.low = i.low < 0 ? 0 : i.low;
    return i;
}

static void put_statistic(struct result_metric *m, const char *name, double value,
                          struct interval i)
{
    struct result_statistic *s = &m->statistics[m->statistic_count++];
    *s = (struct result_statistic){ .value = value, .low = i.low, .high = i.high };
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
}

enum {
    QUANTILES = 4
};

/* What the intervals of one histogram are computed from. */
struct parts {
    const struct hist *blocks[LIMITS_BLOCKS]; /* those that hold anything */
    double means[LIMITS_BLOCKS];
    size_t count;
};

static void put_quantiles(struct result_metric *m, uint64_t seed, const struct parts *p)
{
    static const char *const names[QUANTILES] = { "p50", "p90", "p99", "p99.9" };
    static const double q[QUANTILES] = { 0.5, 0.9, 0.99, 0.999 };
    struct interval bursts[QUANTILES];
    stats_block_intervals(p->blocks, p->count, q, bursts, QUANTILES, seed);
    for (size_t i = 0; i < QUANTILES; i++) {
        struct interval order = stats_quantile_interval(&m->total, q[i]);
        double value = p->count ? (double)hist_quantile(&m->total, q[i]) : NAN;
        put_statistic(m, names[i], value, stats_interval_widen(order, bursts[i]));
    }
}

static void put_histogram(struct result_metric *m, uint64_t seed, const struct parts *p)
{
    double mean = p->count ? hist_mean(&m->total) : NAN;
    double max = p->count ? (double)m->total.max : NAN;
    m->statistic_count = 0;
    put_statistic(m, "mean", mean, mean_interval(p->means, p->count));
    put_quantiles(m, seed, p);
    /* A sample bounds the largest value from below only. */
    put_statistic(m, "max", max, (struct interval){ max, NAN });
}

static int collect(const struct result_metric *m, struct hist *total, struct parts *p,
                   struct err *e)
{
    for (unsigned i = 0; i < m->block_count; i++) {
        const struct hist *h = &m->blocks[i].hist;
        if (hist_pour(total, h, e) != 0) {
            return -1;
        }
        if (h->total > 0) {
            p->means[p->count] = hist_mean(h);
            p->blocks[p->count++] = h;
        }
    }
    return 0;
}

static int summarise_histogram(struct result_metric *m, uint64_t seed, struct err *e)
{
    struct parts p = { .count = 0 };
    AUTO(hist) struct hist total = { 0 };
    if (collect(m, &total, &p, e) != 0) {
        return -1;
    }
    if (p.count == 0 && m->total.total > 0) {
        return 0; /* from a document */
    }
    hist_release(&m->total);
    m->total = total;
    total = (struct hist){ 0 };
    m->n = m->total.total;
    m->clamped = m->total.clamped;
    put_histogram(m, seed, &p);
    return 0;
}

/* Shares of unequal numbers: the share of all, and the interval about it. */
static void put_share(struct result_metric *m, struct interval of_blocks, double mean)
{
    double sum = 0;
    double weight = 0;
    for (unsigned i = 0; i < m->block_count; i++) {
        const struct result_block *b = &m->blocks[i];
        sum += isnan(b->value) ? 0 : b->value * (double)b->n;
        weight += isnan(b->value) ? 0 : (double)b->n;
    }
    double share = weight > 0 ? sum / weight : mean;
    double low = of_blocks.low + share - mean;
    put_statistic(m, "value", share,
                  (struct interval){ low < 0 ? 0 : low, of_blocks.high + share - mean });
}

/* All repetitions as one. */
static void summarise_events(struct result_metric *m)
{
    m->n = 0;
    for (unsigned i = 0; i < m->block_count; i++) {
        m->n += m->blocks[i].n;
    }
    double hours = (double)m->observed_ns / (3600.0 * CLK_NS_PER_S);
    struct interval i = stats_events_interval(m->n);
    bool seen = hours > 0;
    m->statistic_count = 0;
    put_statistic(m, "value", seen ? (double)m->n / hours : NAN,
                  seen ? (struct interval){ i.low / hours, i.high / hours }
                       : (struct interval){ NAN, NAN });
}

static void summarise_values(struct result_metric *m)
{
    double values[LIMITS_BLOCKS];
    double max = NAN;
    double sum = 0;
    size_t count = 0;
    m->n = 0;
    for (unsigned i = 0; i < m->block_count; i++) {
        double value = m->blocks[i].value;
        m->n += m->blocks[i].n;
        if (!isnan(value)) {
            values[count++] = value;
            max = fmax(max, value);
            sum += value;
        }
    }
    m->statistic_count = 0;
    if (m->kind == METRIC_MEAN && m->unit == UNIT_RATIO) {
        put_share(m, mean_interval(values, count), stats_mean(values, count));
    } else if (m->kind == METRIC_MEAN) {
        put_statistic(m, "value", stats_mean(values, count), mean_interval(values, count));
    } else if (m->kind == METRIC_MAX) {
        put_statistic(m, "value", max, (struct interval){ max, NAN });
    } else {
        put_statistic(m, "value", count ? sum : NAN, (struct interval){ NAN, NAN });
    }
}

int summary_of_metric(struct result_metric *m, uint64_t seed, struct err *e)
{
    if (m->block_count == 0 && m->statistic_count > 0) {
        return 0; /* from a document that gave the statistics alone */
    }
    m->observed_ns = 0;
    for (unsigned i = 0; i < m->block_count; i++) {
        m->observed_ns += m->blocks[i].observed_ns;
    }
    if (m->kind == METRIC_HIST) {
        return summarise_histogram(m, seed, e);
    }
    if (m->kind == METRIC_EVENTS) {
        summarise_events(m);
    } else {
        summarise_values(m);
    }
    return 0;
}
