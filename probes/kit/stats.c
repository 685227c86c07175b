#include "probes/kit/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

enum {
    STATS_RESAMPLES = 200,
    STATS_EXACT_MAX = 20000
};

static const double stats_tail = 0.025; /* each side of 95 % */

static int stats_order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void stats_sort(double *v, size_t n)
{
    qsort(v, n, sizeof *v, stats_order);
}

double stats_quantile_sorted(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at;
    size_t high = low + 1 < n ? low + 1 : low;
    return v[low] + (at - (double)low) * (v[high] - v[low]);
}

double stats_median(double *v, size_t n)
{
    if (n == 0)
        return NAN;
    stats_sort(v, n);
    return stats_quantile_sorted(v, n, 0.5);
}

double stats_mean(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum / (double)n : NAN;
}

double stats_stddev(const double *v, size_t n)
{
    double mean = stats_mean(v, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : NAN;
}

/*
 * 97.5 % point of Student's t. SOURCE: standard table; above 30 degrees of freedom the first terms
 * of Cornish-Fisher around 1.96 are right to 0.001.
 */
static double stats_t(size_t freedom)
{
    static const double table[] = { 0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                                    2.306, 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                    2.120, 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
                                    2.064, 2.060,  2.056, 2.052, 2.048, 2.045, 2.042 };
    static const double z = 1.959964;
    if (freedom < sizeof table / sizeof table[0])
        return table[freedom];
    return z + (z * z * z + z) / (4 * (double)freedom);
}

struct interval stats_mean_interval(const double *v, size_t n)
{
    if (n < 2)
        return (struct interval){ NAN, NAN };
    double half = stats_t(n - 1) * stats_stddev(v, n) / sqrt((double)n);
    double mean = stats_mean(v, n);
    return (struct interval){ mean - half, mean + half };
}

/* P(X = k) of the binomial, by logarithms so that n of millions does not overflow. */
static double stats_binomial(double n, double k, double q)
{
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(q) +
               (n - k) * log1p(-q));
}

/* The largest k with P(X <= k) <= tail, or -1. */
static double stats_binomial_low(double n, double q)
{
    double deviation = sqrt(n * q * (1 - q));
    if (n > STATS_EXACT_MAX && deviation > 10)
        return floor(n * q - 1.959964 * deviation - 0.5);
    double k = floor(n * q - 12 * deviation - 30);
    double sum = 0;
    for (k = k < 0 ? 0 : k; k <= n; k++) {
        sum += stats_binomial(n, k, q);
        if (sum > stats_tail)
            return k - 1;
    }
    return n;
}

/*
 * Of the sorted sample x(1)..x(n), [x(l), x(u)] covers the q-quantile with P(l <= X < u), X
 * binomial: l = 1 + the largest k with P(X <= k) <= 2.5 %, and by symmetry u = n - l' of 1 - q.
 */
struct interval stats_quantile_interval(const struct hist *h, double q)
{
    struct interval i = { NAN, NAN };
    double n = (double)h->total;
    if (h->total < 2 || q <= 0 || q >= 1)
        return i;
    double low = stats_binomial_low(n, q) + 1;
    double high = n - stats_binomial_low(n, 1 - q);
    if (low >= 1)
        i.low = (double)hist_value_at_rank(h, (uint64_t)low);
    if (high <= n)
        i.high = (double)hist_value_at_rank(h, (uint64_t)high);
    return i;
}

/* The resamples, walked together from the smallest value up: each cell is looked at once. */
struct stats_resamples {
    uint16_t (*draws)[STATS_RESAMPLES]; /* by block: how often each resample drew it; owned */
    uint64_t seen[STATS_RESAMPLES];     /* values up to here */
    uint64_t total[STATS_RESAMPLES];
    uint64_t max[STATS_RESAMPLES];
    double found[STATS_QUANTILES][STATS_RESAMPLES]; /* NAN until reached */
};

static void stats_draw(struct stats_resamples *s, const struct hist *const *blocks, size_t n,
                       uint64_t seed)
{
    struct prng prng;
    prng_init_named(&prng, seed, "bootstrap");
    for (size_t r = 0; r < STATS_RESAMPLES; r++) {
        for (size_t k = 0; k < n; k++) {
            uint64_t drawn = prng_below(&prng, n);
            const struct hist *h = blocks[drawn];
            s->draws[drawn][r]++;
            s->total[r] += h->total;
            s->max[r] = h->max > s->max[r] ? h->max : s->max[r];
        }
        for (size_t i = 0; i < STATS_QUANTILES; i++)
            s->found[i][r] = NAN;
    }
}

/* Adds one cell of every block; whether any held something. */
static bool stats_add_cell(struct stats_resamples *s, const struct hist *const *blocks, size_t n,
                           uint32_t cell)
{
    bool any = false;
    for (size_t k = 0; k < n; k++) {
        uint64_t count = cell < blocks[k]->size ? blocks[k]->counts[cell] : 0;
        if (!count)
            continue;
        any = true;
        for (size_t r = 0; r < STATS_RESAMPLES; r++)
            s->seen[r] += s->draws[k][r] * count;
    }
    return any;
}

/* Nearest rank, as hist_quantile. How many resamples got there. */
static size_t stats_reach(struct stats_resamples *s, double q, double *found, uint32_t cell)
{
    size_t reached = 0;
    uint64_t value = hist_highest(cell);
    for (size_t r = 0; r < STATS_RESAMPLES; r++) {
        double rank = ceil(q * (double)s->total[r]);
        if (isnan(found[r]) && s->seen[r] > 0 && (double)s->seen[r] >= rank) {
            found[r] = (double)(value < s->max[r] ? value : s->max[r]);
            reached++;
        }
    }
    return reached;
}

/* The cells that may hold something. */
static void stats_range(const struct hist *const *blocks, size_t n, uint32_t *first, uint32_t *end)
{
    *first = UINT32_MAX;
    *end = 0;
    for (size_t k = 0; k < n; k++) {
        const struct hist *h = blocks[k];
        uint64_t top = h->max < h->value_max ? h->max : h->value_max;
        uint32_t low = hist_index(h->min < top ? h->min : top);
        *first = low < *first ? low : *first;
        *end = hist_index(top) + 1 > *end ? hist_index(top) + 1 : *end;
    }
}

static void stats_walk(struct stats_resamples *s, const struct hist *const *blocks, size_t n,
                       const double *q, size_t quantiles)
{
    size_t missing = quantiles * STATS_RESAMPLES;
    uint32_t first;
    uint32_t end;
    stats_range(blocks, n, &first, &end);
    for (uint32_t cell = first; cell < end && missing > 0; cell++) {
        if (!stats_add_cell(s, blocks, n, cell))
            continue;
        for (size_t i = 0; i < quantiles; i++)
            missing -= stats_reach(s, q[i], s->found[i], cell);
    }
}

void stats_block_intervals(const struct hist *const *blocks, size_t n, const double *q,
                           struct interval *found, size_t quantiles, uint64_t seed)
{
    struct stats_resamples s = { .draws = n < 3 ? NULL : calloc(n, sizeof *s.draws) };
    if (s.draws) {
        stats_draw(&s, blocks, n, seed);
        stats_walk(&s, blocks, n, q, quantiles);
    }
    for (size_t i = 0; i < quantiles; i++) {
        found[i] = (struct interval){ NAN, NAN };
        if (!s.draws)
            continue;
        stats_sort(s.found[i], STATS_RESAMPLES);
        found[i].low = stats_quantile_sorted(s.found[i], STATS_RESAMPLES, stats_tail);
        found[i].high = stats_quantile_sorted(s.found[i], STATS_RESAMPLES, 1 - stats_tail);
    }
    free(s.draws);
}

struct interval stats_interval_union(struct interval a, struct interval b)
{
    return (struct interval){ fmin(a.low, b.low), fmax(a.high, b.high) };
}

double stats_rule_of_three_per_hour(uint64_t observed_ns)
{
    static const double ns_per_hour = 3600.0 * CLK_NS_PER_S;
    return observed_ns ? 3.0 * ns_per_hour / (double)observed_ns : INFINITY;
}
