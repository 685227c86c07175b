#include "probes/kit/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

enum {
    STATS_RESAMPLES = 200,
    STATS_BLOCKS_MIN = 3,
    STATS_HALVINGS = 48,         /* of at most 12,000: far below what a double prints */
    STATS_EXACT_EVENTS = 1000000 /* beyond it the normal interval is right to a thousandth */
};

static const double stats_tail = 0.025; /* each side of 95 % */
static const double stats_z = 1.959964; /* the normal distribution's point there */
static const double stats_three = 3;    /* events that nobody saw, with 95 % confidence */

/* NAN last. */
static int stats_order(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    if (isnan(x) || isnan(y)) {
        return !isnan(y) ? 1 : -!isnan(x);
    }
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
 * of its expansion around the normal point (Abramowitz, Stegun 26.7.5) are right to 0.001.
 */
static double stats_t(size_t freedom)
{
    static const double table[] = { 0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                                    2.306, 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                    2.120, 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
                                    2.064, 2.060,  2.056, 2.052, 2.048, 2.045, 2.042 };
    double z = stats_z;
    double v = (double)freedom;
    double z3 = z * z * z;
    if (freedom < sizeof table / sizeof table[0]) {
        return table[freedom];
    }
    return z + (z3 + z) / (4 * v) + (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * v * v);
}

struct interval stats_mean_interval(const double *v, size_t n)
{
    if (n < 2)
        return (struct interval){ NAN, NAN };
    double half = stats_t(n - 1) * stats_stddev(v, n) / sqrt((double)n);
    double mean = stats_mean(v, n);
    return (struct interval){ mean - half, mean + half };
}

/* log P(X = k) of the binomial, so that n of millions does not overflow. */
static double stats_log_binomial(double n, double k, double q)
{
    int sign = 0;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) +
           k * log(q) + (n - k) * log1p(-q);
}

/* The smallest rank l with P(X <= l) > 2.5 %, X binomial: P(X < l) is at most that. */
static uint64_t stats_low_rank(uint64_t n, double q)
{
    double count = (double)n;
    /* Twelve deviations and some below the mean nothing is left that a double would show. */
    double start = floor(count * q - 12 * sqrt(count * q * (1 - q)) - 30);
    uint64_t k = start > 0 ? (uint64_t)start : 0;
    double term = exp(stats_log_binomial(count, (double)k, q));
    double sum = term;
    while (sum <= stats_tail && k < n) {
        term *= (double)(n - k) / (double)(k + 1) * q / (1 - q);
        k++;
        sum += term;
    }
    return k;
}

static double stats_low_edge(const struct hist *h, uint64_t rank)
{
    uint64_t value = hist_value_at_rank(h, rank);
    uint64_t low = hist_lowest(hist_index(value < h->value_max ? value : h->value_max));
    return (double)(low > h->min ? low : h->min);
}

/*
 * Of the sorted sample x(1)..x(n), x(l) is at most the q-quantile with P(X >= l), X binomial(n, q).
 * By symmetry x(n + 1 - l') bounds it from above, with l' that of 1 - q.
 */
struct interval stats_quantile_interval(const struct hist *h, double q)
{
    struct interval i = { NAN, NAN };
    if (h->total < 2 || !(q > 0 && q < 1)) {
        return i;
    }
    uint64_t below = stats_low_rank(h->total, q);
    uint64_t above = stats_low_rank(h->total, 1 - q);
    if (below >= 1) {
        i.low = stats_low_edge(h, below);
    }
    if (above >= 1) {
        i.high = (double)hist_value_at_rank(h, h->total + 1 - above);
    }
    return i;
}

/* The resamples, walked together from the smallest value up: each cell is looked at once. */
struct stats_resamples {
    uint16_t (*draws)[STATS_RESAMPLES]; /* by block: how often each resample drew it; owned */
    uint64_t seen[STATS_RESAMPLES];     /* values up to here */
    uint64_t total[STATS_RESAMPLES];
    uint64_t max[STATS_RESAMPLES];
    uint64_t rank[STATS_QUANTILES]
                 [STATS_RESAMPLES];                 /* at least 1, so nothing is found in nothing */
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
        uint64_t count = hist_count(blocks[k], cell);
        if (!count)
            continue;
        any = true;
        for (size_t r = 0; r < STATS_RESAMPLES; r++)
            s->seen[r] += s->draws[k][r] * count;
    }
    return any;
}

/* How many resamples got to their rank of quantile i with this cell. */
static size_t stats_reach(struct stats_resamples *s, size_t i, uint32_t cell)
{
    size_t reached = 0;
    double *found = s->found[i];
    uint64_t value = hist_highest(cell);
    for (size_t r = 0; r < STATS_RESAMPLES; r++) {
        if (isnan(found[r]) && s->seen[r] >= s->rank[i][r]) {
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
    for (size_t i = 0; i < quantiles; i++) {
        for (size_t r = 0; r < STATS_RESAMPLES; r++) {
            s->rank[i][r] = hist_rank(q[i], s->total[r]);
        }
    }
    uint32_t first;
    uint32_t end;
    stats_range(blocks, n, &first, &end);
    for (uint32_t cell = first; cell < end && missing > 0; cell++) {
        if (!stats_add_cell(s, blocks, n, cell))
            continue;
        for (size_t i = 0; i < quantiles; i++)
            missing -= stats_reach(s, i, cell);
    }
}

static size_t stats_filled(const struct hist *const *blocks, size_t n)
{
    size_t filled = 0;
    for (size_t k = 0; k < n; k++) {
        filled += blocks[k]->total > 0;
    }
    return filled;
}

/* Resamples of empty blocks alone, which found nothing, do not count. */
static struct interval stats_middle(double *found)
{
    size_t n = STATS_RESAMPLES;
    stats_sort(found, n);
    while (n > 0 && isnan(found[n - 1])) {
        n--;
    }
    if (n == 0) {
        return (struct interval){ NAN, NAN };
    }
    return (struct interval){ stats_quantile_sorted(found, n, stats_tail),
                              stats_quantile_sorted(found, n, 1 - stats_tail) };
}

void stats_block_intervals(const struct hist *const *blocks, size_t n, const double *q,
                           struct interval *found, size_t quantiles, uint64_t seed)
{
    struct stats_resamples s = { .draws = NULL };
    if (stats_filled(blocks, n) >= STATS_BLOCKS_MIN) {
        s.draws = calloc(n, sizeof *s.draws);
    }
    if (s.draws) {
        stats_draw(&s, blocks, n, seed);
        stats_walk(&s, blocks, n, q, quantiles);
    }
    for (size_t i = 0; i < quantiles; i++) {
        found[i] = s.draws ? stats_middle(s.found[i]) : (struct interval){ NAN, NAN };
    }
    free(s.draws);
}

struct interval stats_interval_widen(struct interval a, struct interval b)
{
    return (struct interval){ isnan(a.low) ? NAN : fmin(a.low, b.low),
                              isnan(a.high) ? NAN : fmax(a.high, b.high) };
}

/*
 * P(X <= k), or P(X >= k) when `up`, X Poisson of that mean: the terms from k on, each way, until
 * they no longer count. To be asked for the smaller side: there they shrink from the first on.
 */
static double stats_poisson_tail(double k, double mean, bool up)
{
    int sign = 0;
    double term = exp(k * log(mean) - mean - lgamma_r(k + 1, &sign));
    double sum = 0;
    while (term > sum * 1e-16) {
        sum += term;
        k += up ? 1 : 0;
        term *= up ? mean / k : k / mean;
        k -= up ? 0 : 1;
    }
    return sum;
}

/* The mean that makes the tail 2.5 %, by halving [low, high]; the lower tail falls as it grows. */
static double stats_poisson_mean(double k, double low, double high, bool up)
{
    for (unsigned i = 0; i < STATS_HALVINGS; i++) {
        double mean = (low + high) / 2;
        bool below = (stats_poisson_tail(k, mean, up) < stats_tail) == up;
        low = below ? mean : low;
        high = below ? high : mean;
    }
    return (low + high) / 2;
}

struct interval stats_events_interval(uint64_t events)
{
    double k = (double)events;
    double far = 6 * sqrt(k) + 6; /* the ends are two deviations away, some more for few events */
    if (events == 0)
        return (struct interval){ 0, stats_three };
    if (events > STATS_EXACT_EVENTS)
        return (struct interval){ k - stats_z * sqrt(k), k + stats_z * sqrt(k) };
    return (struct interval){ stats_poisson_mean(k, k > far ? k - far : 0, k, true),
                              stats_poisson_mean(k, k, k + far, false) };
}

double stats_rule_of_three_per_hour(uint64_t observed_ns)
{
    static const double ns_per_hour = 3600.0 * CLK_NS_PER_S;
    return observed_ns ? stats_three * ns_per_hour / (double)observed_ns : INFINITY;
}
