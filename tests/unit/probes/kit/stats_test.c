#include "probes/kit/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "probes/kit/prng.h"

static const uint64_t usual_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;

static struct hist opened(void)
{
    struct hist h;
    struct err e;
    assert_int_equal(hist_open(&h, usual_max, &e), 0);
    return h;
}

/* PLIMSOLL_SEED repeats a failing run. */
static uint64_t seed(void)
{
    const char *text = getenv("PLIMSOLL_SEED"); // NOLINT(concurrency-mt-unsafe)
    uint64_t value = text ? strtoull(text, NULL, 10) : prng_entropy();
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)value);
    return value;
}

static void assert_near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within)) {
        fail_msg("%.9g is not within %g of %.9g", got, within, want);
    }
}

static void sort_puts_unknown_values_last(void **state)
{
    (void)state;
    double v[] = { 3, NAN, -1, 2, NAN, -1 };
    stats_sort(v, 6);
    assert_true(v[0] == -1 && v[1] == -1 && v[2] == 2 && v[3] == 3);
    assert_true(isnan(v[4]) && isnan(v[5]));
}

/* R: quantile(c(1, 2, 4, 8, 16), c(0, 0.25, 0.5, 0.9, 1)). */
static void quantile_of_an_array_is_that_of_r(void **state)
{
    (void)state;
    static const double v[] = { 1, 2, 4, 8, 16 };
    assert_near(stats_quantile_sorted(v, 5, 0), 1, 1e-12);
    assert_near(stats_quantile_sorted(v, 5, 0.25), 2, 1e-12);
    assert_near(stats_quantile_sorted(v, 5, 0.5), 4, 1e-12);
    assert_near(stats_quantile_sorted(v, 5, 0.9), 12.8, 1e-12);
    assert_near(stats_quantile_sorted(v, 5, 1), 16, 1e-12);
    assert_near(stats_quantile_sorted(v, 1, 0.7), 1, 1e-12);
}

static void median_of_an_even_count_lies_between(void **state)
{
    (void)state;
    double v[] = { 9, 1, 5, 3 };
    assert_near(stats_median(v, 4), 4, 1e-12);
    assert_near(stats_median(v, 3), 3, 1e-12);
    assert_true(isnan(stats_median(v, 0)));
}

static void mean_and_deviation_are_those_of_the_sample(void **state)
{
    (void)state;
    static const double v[] = { 2, 4, 4, 4, 5, 5, 7, 9 };
    assert_near(stats_mean(v, 8), 5, 1e-12);
    assert_near(stats_stddev(v, 8), sqrt(32.0 / 7), 1e-12);
    assert_true(isnan(stats_mean(v, 0)));
    assert_true(isnan(stats_stddev(v, 1)));
}

/* Half the width over s / sqrt(n) is Student's t; the points are from a printed table. */
static void mean_interval_uses_students_t(void **state)
{
    (void)state;

    static const struct {
        size_t n;
        double t;
    } points[] = {
        {2,    12.706},
        { 3,   4.303 },
        { 11,  2.228 },
        { 31,  2.042 },
        { 32,  2.040 },
        { 41,  2.021 },
        { 61,  2.000 },
        { 121, 1.980 },
        { 256, 1.969 },
    };

    double v[256];
    for (size_t i = 0; i < 256; i++) {
        v[i] = (double)(i * i % 97);
    }
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        size_t n = points[i].n;
        struct interval found = stats_mean_interval(v, n);
        double unit = stats_stddev(v, n) / sqrt((double)n);
        assert_near((found.high - found.low) / 2 / unit, points[i].t, 0.001);
        assert_near((found.high + found.low) / 2, stats_mean(v, n), 1e-9);
    }
    assert_true(isnan(stats_mean_interval(v, 1).low));
    assert_true(isnan(stats_mean_interval(v, 1).high));
}

/* n values 1..n: the ends are their own ranks. Ranks from the binomial distribution's table. */
static void quantile_interval_has_the_ranks_of_the_binomial(void **state)
{
    (void)state;

    static const struct {
        uint64_t n;
        double q;
        double low, high; /* NAN: no bound */
    } known[] = {
        {5,     0.5,  NAN, NAN}, /* 2 * 0.5^5 is over 5 % */
        { 6,    0.5,  1,   6  },
        { 10,   0.5,  2,   9  },
        { 20,   0.5,  6,   15 },
        { 100,  0.5,  40,  61 },
        { 100,  0.9,  84,  96 },
        { 1000, 0.99, 983, 997},
        { 367,  0.99, 359, NAN}, /* 0.99^367 is over 2.5 % */
        { 368,  0.99, 360, 368},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct hist h = opened();
        for (uint64_t v = 1; v <= known[i].n; v++) {
            hist_record(&h, v);
        }
        struct interval found = stats_quantile_interval(&h, known[i].q);
        if (isnan(known[i].low)) {
            assert_true(isnan(found.low));
        } else {
            assert_near(found.low, known[i].low, 0);
        }
        if (isnan(known[i].high)) {
            assert_true(isnan(found.high));
        } else {
            assert_near(found.high, known[i].high, 0);
        }
        hist_release(&h);
    }
}

static void quantile_interval_needs_a_sample_and_a_quantile(void **state)
{
    (void)state;
    struct hist h = opened();
    assert_true(isnan(stats_quantile_interval(&h, 0.5).low));
    hist_record_n(&h, 10, 100);
    assert_true(isnan(stats_quantile_interval(&h, 0).low));
    assert_true(isnan(stats_quantile_interval(&h, 1).high));
    assert_true(isnan(stats_quantile_interval(&h, NAN).high));
    assert_near(stats_quantile_interval(&h, 0.5).low, 10, 0);
    assert_near(stats_quantile_interval(&h, 0.5).high, 10, 0);
    hist_release(&h);
}

/* The upper bound of p99.9 comes with the 3688th sample: 0.999^3688 is just under 2.5 %. */
static void rare_quantile_has_no_upper_bound_before_its_time(void **state)
{
    (void)state;
    struct hist h = opened();
    hist_record_n(&h, 100, 3687);
    assert_true(isnan(stats_quantile_interval(&h, 0.999).high));
    hist_record(&h, 100);
    assert_near(stats_quantile_interval(&h, 0.999).high, 100, 0);
    hist_release(&h);
}

static void quantile_interval_holds_for_billions(void **state)
{
    (void)state;
    struct hist h = opened();
    for (uint64_t v = 0; v < 1000; v++) {
        hist_record_n(&h, v, 1000000);
    }
    struct interval found = stats_quantile_interval(&h, 0.5);
    assert_near(found.low, 499, 1);
    assert_near(found.high, 500, 1);
    hist_release(&h);
}

enum {
    TRIALS = 2000,
    DISTRIBUTIONS = 3
};

/* A latency for a uniform draw, its quantile function: flat, exponential, heavy-tailed. */
static double latency_ns(int distribution, double u)
{
    if (distribution == 0) {
        return 100000 + 900000 * u;
    }
    if (distribution == 1) {
        return -120000 * log1p(-u);
    }
    return 50000 / pow(1 - u, 0.7);
}

static void check_coverage(struct prng *prng, int distribution, size_t n, struct hist *h)
{
    static const double q[] = { 0.5, 0.9, 0.99 };
    unsigned inside[3] = { 0 };
    for (int trial = 0; trial < TRIALS; trial++) {
        hist_clear(h);
        for (size_t i = 0; i < n; i++) {
            hist_record(h, (uint64_t)latency_ns(distribution, prng_unit(prng)));
        }
        for (size_t i = 0; i < 3; i++) {
            double truth = floor(latency_ns(distribution, q[i]));
            struct interval found = stats_quantile_interval(h, q[i]);
            inside[i] += !(truth < found.low) && !(truth > found.high);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (inside[i] < TRIALS * 93 / 100) {
            fail_msg("distribution %d, n %zu, q %g: true value inside in %u of %d", distribution, n,
                     q[i], inside[i], (int)TRIALS);
        }
    }
}

static void quantile_interval_covers_the_truth(void **state)
{
    (void)state;
    static const size_t sizes[] = { 20, 200, 1000 };
    struct prng prng;
    struct hist h = opened();
    prng_init(&prng, seed());
    for (int d = 0; d < DISTRIBUTIONS; d++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            check_coverage(&prng, d, sizes[i], &h);
        }
    }
    hist_release(&h);
}

enum {
    BLOCKS = 12,
    VALUES = 500
};

/* Blocks of one distribution, of which the first `slow` are ten times slower: bursts. */
static void fill_blocks(struct hist *blocks, const struct hist **list, size_t slow)
{
    struct prng prng;
    prng_init(&prng, 42);
    for (size_t k = 0; k < BLOCKS; k++) {
        blocks[k] = opened();
        list[k] = &blocks[k];
        for (int i = 0; i < VALUES; i++) {
            double value = latency_ns(0, prng_unit(&prng));
            hist_record(&blocks[k], (uint64_t)(k < slow ? 10 * value : value));
        }
    }
}

static void release_blocks(struct hist *blocks)
{
    for (size_t k = 0; k < BLOCKS; k++) {
        hist_release(&blocks[k]);
    }
}

static void block_interval_of_a_seed_repeats(void **state)
{
    (void)state;
    static const double q[] = { 0.5, 0.99 };
    struct hist blocks[BLOCKS];
    const struct hist *list[BLOCKS];
    struct interval first[2], again[2], other[2];
    fill_blocks(blocks, list, 3);
    stats_block_intervals(list, BLOCKS, q, first, 2, 7);
    stats_block_intervals(list, BLOCKS, q, again, 2, 7);
    stats_block_intervals(list, BLOCKS, q, other, 2, 8);
    assert_memory_equal(first, again, sizeof(first));
    assert_memory_not_equal(first, other, sizeof(first));
    release_blocks(blocks);
}

static void block_interval_holds_the_pooled_quantile(void **state)
{
    (void)state;
    static const double q[] = { 0, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
    struct hist blocks[BLOCKS];
    const struct hist *list[BLOCKS];
    struct interval found[7];
    struct hist pooled = opened();
    fill_blocks(blocks, list, 0);
    stats_block_intervals(list, BLOCKS, q, found, 7, 7);
    for (size_t k = 0; k < BLOCKS; k++) {
        hist_merge(&pooled, list[k]);
    }
    for (size_t i = 0; i < 7; i++) {
        double value = (double)hist_quantile(&pooled, q[i]);
        assert_true(found[i].low <= value && value <= found[i].high);
        assert_true(found[i].high - found[i].low < 0.15 * value);
    }
    hist_release(&pooled);
    release_blocks(blocks);
}

/* Ten per cent of the blocks are slow: no interval of independent samples would reach so far. */
static void block_interval_knows_bursts(void **state)
{
    (void)state;
    static const double q[] = { 0.9 };
    struct hist blocks[BLOCKS];
    const struct hist *list[BLOCKS];
    struct interval found;
    struct hist pooled = opened();
    fill_blocks(blocks, list, 1);
    for (size_t k = 0; k < BLOCKS; k++) {
        hist_merge(&pooled, list[k]);
    }
    struct interval independent = stats_quantile_interval(&pooled, 0.9);
    stats_block_intervals(list, BLOCKS, q, &found, 1, 7);
    assert_true(independent.high < 1050000);
    assert_true(found.high > 2000000);
    assert_true(found.low <= independent.low);
    hist_release(&pooled);
    release_blocks(blocks);
}

static void block_interval_needs_three_blocks_that_hold_something(void **state)
{
    (void)state;
    static const double q[] = { 0.5 };
    struct hist blocks[BLOCKS];
    const struct hist *list[BLOCKS];
    struct interval found;
    fill_blocks(blocks, list, 0);
    stats_block_intervals(list, 2, q, &found, 1, 7);
    assert_true(isnan(found.low) && isnan(found.high));
    hist_clear(&blocks[0]);
    stats_block_intervals(list, 3, q, &found, 1, 7);
    assert_true(isnan(found.low) && isnan(found.high));
    stats_block_intervals(list, 4, q, &found, 1, 7);
    assert_true(found.low > 500000 && found.high < 600000);
    release_blocks(blocks);
}

static void widen_takes_the_outer_ends_and_keeps_unknown_ones(void **state)
{
    (void)state;
    struct interval known = { 2, 5 };
    struct interval other = { 1, 4 };
    struct interval none = { NAN, NAN };
    struct interval wide = stats_interval_widen(known, other);
    assert_true(wide.low == 1 && wide.high == 5);
    wide = stats_interval_widen(other, known);
    assert_true(wide.low == 1 && wide.high == 5);
    wide = stats_interval_widen(known, none);
    assert_true(wide.low == 2 && wide.high == 5);
    wide = stats_interval_widen((struct interval){ 3, NAN }, other);
    assert_true(wide.low == 1 && isnan(wide.high));
}

static void none_in_an_hour_is_at_most_three_an_hour(void **state)
{
    (void)state;
    uint64_t hour_ns = UINT64_C(3600) * CLK_NS_PER_S;
    assert_near(stats_rule_of_three_per_hour(hour_ns), 3, 1e-12);
    assert_near(stats_rule_of_three_per_hour(hour_ns / 60), 180, 1e-9);
    assert_true(isinf(stats_rule_of_three_per_hour(0)));
}

/* Ends of the exact interval from the usual tables (half the points of chi-square). */
static void events_have_garwoods_interval(void **state)
{
    (void)state;

    static const struct {
        uint64_t events;
        double low, high;
    } known[] = {
        {1,    0.025318, 5.571643 },
        { 2,   0.242209, 7.224688 },
        { 3,   0.618672, 8.767273 },
        { 5,   1.623486, 11.668332},
        { 10,  4.795389, 18.39036 },
        { 50,  37.11096, 65.91877 },
        { 100, 81.36399, 121.62679},
    };

    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct interval found = stats_events_interval(known[i].events);
        assert_near(found.low, known[i].low, 1e-4);
        assert_near(found.high, known[i].high, 1e-4);
    }
}

/* What the end of a one-sided 95 % interval is, 2.996, is called three. */
static void no_event_is_bounded_by_the_rule_of_three(void **state)
{
    (void)state;
    assert_near(stats_events_interval(0).low, 0, 1e-12);
    assert_near(stats_events_interval(0).high, 3, 1e-12);
}

static void many_events_have_the_normal_interval(void **state)
{
    (void)state;
    struct interval exact = stats_events_interval(1000000);
    struct interval normal = stats_events_interval(1000001);
    assert_near(exact.low, 1000000 - 1959.96, 2);
    assert_near(exact.high, 1000000 + 1959.96, 3);
    assert_near(exact.low, normal.low, 3);
    assert_near(exact.high, normal.high, 3);
    assert_true(isfinite(stats_events_interval(UINT64_MAX).high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sort_puts_unknown_values_last),
        cmocka_unit_test(quantile_of_an_array_is_that_of_r),
        cmocka_unit_test(median_of_an_even_count_lies_between),
        cmocka_unit_test(mean_and_deviation_are_those_of_the_sample),
        cmocka_unit_test(mean_interval_uses_students_t),
        cmocka_unit_test(quantile_interval_has_the_ranks_of_the_binomial),
        cmocka_unit_test(quantile_interval_needs_a_sample_and_a_quantile),
        cmocka_unit_test(rare_quantile_has_no_upper_bound_before_its_time),
        cmocka_unit_test(quantile_interval_holds_for_billions),
        cmocka_unit_test(quantile_interval_covers_the_truth),
        cmocka_unit_test(block_interval_of_a_seed_repeats),
        cmocka_unit_test(block_interval_holds_the_pooled_quantile),
        cmocka_unit_test(block_interval_knows_bursts),
        cmocka_unit_test(block_interval_needs_three_blocks_that_hold_something),
        cmocka_unit_test(widen_takes_the_outer_ends_and_keeps_unknown_ones),
        cmocka_unit_test(none_in_an_hour_is_at_most_three_an_hour),
        cmocka_unit_test(events_have_garwoods_interval),
        cmocka_unit_test(no_event_is_bounded_by_the_rule_of_three),
        cmocka_unit_test(many_events_have_the_normal_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
