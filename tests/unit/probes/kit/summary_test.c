#include "probes/kit/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/prng.h"
#include "probes/kit/stats.h"

enum {
    BLOCKS = 6,
    SEED = 11
};

static const struct metric metrics[] = {
    {.id = "h",      .unit = UNIT_NS,       .kind = METRIC_HIST  },
    { .id = "mean",  .unit = UNIT_PER_S,    .kind = METRIC_MEAN  },
    { .id = "max",   .unit = UNIT_NS,       .kind = METRIC_MAX   },
    { .id = "sum",   .unit = UNIT_BYTES,    .kind = METRIC_SUM   },
    { .id = "share", .unit = UNIT_RATIO,    .kind = METRIC_MEAN  },
    { .id = "rare",  .unit = UNIT_PER_HOUR, .kind = METRIC_EVENTS},
    METRIC_END,
};

static void open_all(struct result *r)
{
    struct err e;
    assert_int_equal(result_open(r, "probe", "Title", metrics, &e), 0);
}

static void add_value(struct result_metric *m, double value)
{
    struct err e;
    struct result_block b = { .observed_ns = 1000, .value = value };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

/* A block of `count` values around `middle`. */
static void add_around(struct result_metric *m, struct prng *p, uint64_t middle, unsigned count)
{
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    assert_int_equal(hist_open(&h, UINT64_C(1) << 30, &e), 0);
    for (unsigned i = 0; i < count; i++) {
        hist_record(&h, middle / 2 + prng_below(p, middle));
    }
    struct result_block b = { .observed_ns = 1000, .hist = h };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

static void summarise(struct result_metric *m)
{
    struct err e;
    assert_int_equal(summary_of_metric(m, SEED, &e), 0);
}

static void is(const struct result_metric *m, const char *name, double value, double low,
               double high)
{
    const struct result_statistic *s = result_statistic_find(m, name);
    assert_non_null(s);
    assert_true(isnan(value) ? isnan(s->value) : fabs(s->value - value) <= 1e-9 * fabs(value));
    assert_true(isnan(low) ? isnan(s->low) : fabs(s->low - low) <= 1e-3 * fabs(low));
    assert_true(isnan(high) ? isnan(s->high) : fabs(s->high - high) <= 1e-3 * fabs(high));
}

static void a_mean_has_students_interval(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    add_value(&r.metrics[1], 8);
    add_value(&r.metrics[1], 10);
    add_value(&r.metrics[1], NAN);
    add_value(&r.metrics[1], 12);
    summarise(&r.metrics[1]);
    /* t of two degrees of freedom 4.303, deviation 2, root of 3 */
    is(&r.metrics[1], "value", 10, 10 - 4.303 * 2 / sqrt(3), 10 + 4.303 * 2 / sqrt(3));
    assert_int_equal(r.metrics[1].n, 3);
    assert_int_equal(r.metrics[1].observed_ns, 4000);
    assert_int_equal(r.metrics[1].statistic_count, 1);
}

static void an_interval_is_never_negative(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    add_value(&r.metrics[1], 1);
    add_value(&r.metrics[1], 100);
    summarise(&r.metrics[1]);
    is(&r.metrics[1], "value", 50.5, 0, 50.5 + 12.706 * 49.5);
}

static void one_repetition_has_no_interval(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    add_value(&r.metrics[1], 8);
    summarise(&r.metrics[1]);
    is(&r.metrics[1], "value", 8, NAN, NAN);
}

static void a_maximum_is_bounded_from_below_only(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    add_value(&r.metrics[2], NAN);
    add_value(&r.metrics[2], -5);
    add_value(&r.metrics[2], -9);
    summarise(&r.metrics[2]);
    is(&r.metrics[2], "value", -5, -5, NAN);
}

static void a_sum_has_no_interval(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    add_value(&r.metrics[3], 5);
    add_value(&r.metrics[3], 9);
    summarise(&r.metrics[3]);
    is(&r.metrics[3], "value", 14, NAN, NAN);
}

static void nothing_measured_is_not_a_number(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    for (unsigned i = 0; i < 4; i++) {
        if (i == 1) {
            add_value(&r.metrics[1], NAN);
        }
        summarise(&r.metrics[i]);
        assert_int_equal(r.metrics[i].statistic_count, i == 0 ? 6 : 1);
        for (unsigned k = 0; k < r.metrics[i].statistic_count; k++) {
            const struct result_statistic *s = &r.metrics[i].statistics[k];
            assert_true(isnan(s->value) && isnan(s->low) && isnan(s->high));
        }
    }
}

static void a_histogram_has_six_statistics_of_the_pooled_sample(void **state)
{
    (void)state;
    struct prng p;
    AUTO(result) struct result r = { 0 };
    prng_init(&p, SEED);
    open_all(&r);
    struct result_metric *m = &r.metrics[0];
    for (unsigned i = 0; i < BLOCKS; i++) {
        add_around(m, &p, 1000, 1000);
    }
    summarise(m);
    static const char *const names[] = { "mean", "p50", "p90", "p99", "p99.9", "max" };
    assert_int_equal(m->statistic_count, RESULT_STATISTICS);
    for (unsigned i = 0; i < RESULT_STATISTICS; i++) {
        assert_string_equal(m->statistics[i].name, names[i]);
    }
    assert_int_equal(m->n, BLOCKS * 1000);
    assert_int_equal(m->total.total, BLOCKS * 1000);
    assert_true(m->statistics[0].value == hist_mean(&m->total));
    assert_true(m->statistics[3].value == (double)hist_quantile(&m->total, 0.99));
    is(m, "max", (double)m->total.max, (double)m->total.max, NAN);
    for (unsigned i = 0; i + 1 < RESULT_STATISTICS; i++) {
        assert_true(m->statistics[i].low <= m->statistics[i].value);
        assert_true(m->statistics[i].value <= m->statistics[i].high);
    }
}

static void repetitions_that_differ_widen_the_interval(void **state)
{
    (void)state;
    struct prng p;
    AUTO(result) struct result same = { 0 };
    AUTO(result) struct result differ = { 0 };
    prng_init(&p, SEED);
    open_all(&same);
    open_all(&differ);
    for (unsigned i = 0; i < BLOCKS; i++) {
        add_around(&same.metrics[0], &p, 2000, 1000);
        add_around(&differ.metrics[0], &p, i % 2 ? 1000 : 3000, 1000);
    }
    summarise(&same.metrics[0]);
    summarise(&differ.metrics[0]);
    const struct result_statistic *a = result_statistic_find(&same.metrics[0], "p50");
    const struct result_statistic *b = result_statistic_find(&differ.metrics[0], "p50");
    assert_true(b->high - b->low > 3 * (a->high - a->low));
}

/* Bootstrap by its definition: draw, merge, take the quantile. */
static struct interval plain_bootstrap(const struct result_metric *m, double q)
{
    enum {
        RESAMPLES = 200
    };
    struct err e;
    struct prng p;
    double found[RESAMPLES];
    AUTO(hist) struct hist pool = { 0 };
    assert_int_equal(hist_open(&pool, m->total.value_max, &e), 0);
    prng_init_named(&p, SEED, "bootstrap");
    for (unsigned i = 0; i < RESAMPLES; i++) {
        hist_clear(&pool);
        for (unsigned k = 0; k < m->block_count; k++) {
            hist_merge(&pool, &m->blocks[prng_below(&p, m->block_count)].hist);
        }
        found[i] = (double)hist_quantile(&pool, q);
    }
    stats_sort(found, RESAMPLES);
    return (struct interval){ stats_quantile_sorted(found, RESAMPLES, 0.025),
                              stats_quantile_sorted(found, RESAMPLES, 0.975) };
}

static void intervals_are_those_of_the_plain_bootstrap(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        double q;
    } rows[] = {
        {"p50",    0.5  },
        { "p90",   0.9  },
        { "p99",   0.99 },
        { "p99.9", 0.999}
    };
    struct prng p;
    AUTO(result) struct result r = { 0 };
    prng_init(&p, SEED);
    open_all(&r);
    struct result_metric *m = &r.metrics[0];
    for (unsigned i = 0; i < BLOCKS; i++) {
        add_around(m, &p, 1000 + 300 * i, 50 + 20 * i);
    }
    add_around(m, &p, 1000, 0);
    summarise(m);
    m->block_count--; /* an empty block is not drawn */
    for (unsigned i = 0; i < 4; i++) {
        struct interval plain = stats_interval_widen(stats_quantile_interval(&m->total, rows[i].q),
                                                     plain_bootstrap(m, rows[i].q));
        const struct result_statistic *s = result_statistic_find(m, rows[i].name);
        assert_true(s->low == plain.low);
        assert_true(isnan(plain.high) ? isnan(s->high) : s->high == plain.high);
    }
}

static void no_bootstrap_bounds_what_the_sample_is_too_small_for(void **state)
{
    (void)state;
    struct prng p;
    AUTO(result) struct result r = { 0 };
    prng_init(&p, SEED);
    open_all(&r);
    struct result_metric *m = &r.metrics[0];
    for (unsigned i = 0; i < BLOCKS; i++) {
        add_around(m, &p, 1000, 100);
    }
    summarise(m);
    assert_true(!isnan(result_statistic_find(m, "p99")->high));
    assert_true(isnan(result_statistic_find(m, "p99.9")->high));
    assert_true(!isnan(result_statistic_find(m, "p99.9")->low));
}

static void the_same_seed_gives_the_same_interval(void **state)
{
    (void)state;
    struct err e;
    struct prng p;
    AUTO(result) struct result r = { 0 };
    prng_init(&p, SEED);
    open_all(&r);
    struct result_metric *m = &r.metrics[0];
    for (unsigned i = 0; i < BLOCKS; i++) {
        add_around(m, &p, 1000 + 100 * i, 30);
    }
    summarise(m);
    struct result_statistic first[RESULT_STATISTICS];
    memcpy(first, m->statistics, sizeof(first));
    summarise(m);
    assert_memory_equal(first, m->statistics, sizeof(first));
    assert_int_equal(summary_of_metric(m, SEED + 1, &e), 0);
    assert_memory_not_equal(first, m->statistics, sizeof(first));
}

static void clamped_values_are_counted(void **state)
{
    (void)state;
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    assert_int_equal(hist_open(&h, 4096, &e), 0);
    hist_record_n(&h, 9999, 3);
    hist_record(&h, 10);
    struct result_block b = { .hist = h };
    assert_int_equal(result_add_block(&r.metrics[0], &b, &e), 0);
    summarise(&r.metrics[0]);
    assert_int_equal(r.metrics[0].clamped, 3);
    is(&r.metrics[0], "max", 9999, 9999, NAN);
}

static void histograms_of_different_size_are_not_joined(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(hist) struct hist a = { 0 };
    AUTO(hist) struct hist b = { 0 };
    assert_int_equal(hist_open(&a, 4096, &e), 0);
    assert_int_equal(hist_open(&b, 8192, &e), 0);
    assert_int_equal(hist_pour(&a, &b, &e), 0); /* nothing to pour */
    hist_record(&b, 5000);
    assert_int_equal(hist_pour(&a, &b, &e), -1);
    assert_string_equal(e.msg, "histograms up to 4096 and up to 8192 cannot be joined");
    assert_int_equal(a.total, 0);
}

static void add_share(struct result_metric *m, double value, uint64_t n)
{
    struct err e;
    struct result_block b = { .observed_ns = 1000, .value = value, .n = n };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

/* 99 of 100, none of 400 and none of 60: 99 of 560, and not the mean of the blocks. */
static void a_share_is_that_of_all_samples(void **state)
{
    struct result r;
    (void)state;
    open_all(&r);
    struct result_metric *m = result_metric_find(&r, "share");
    add_share(m, 0.99, 100);
    add_share(m, 0, 400);
    add_share(m, 0, 60);
    summarise(m);
    const struct result_statistic *s = result_statistic_find(m, "value");
    assert_true(fabs(s->value - 99.0 / 560) < 1e-12);
    assert_true(s->low <= s->value && s->value <= s->high && s->low >= 0);
    result_release(&r);
}

static void add_events(struct result_metric *m, uint64_t events, uint64_t seconds)
{
    struct err e;
    struct result_block b = { .observed_ns = seconds * CLK_NS_PER_S, .n = events };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

/* Two in half an hour and none in the other half: two an hour. */
static void events_are_counted_over_all_repetitions(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    struct result_metric *m = result_metric_find(&r, "rare");
    add_events(m, 2, 1800);
    add_events(m, 0, 1800);
    summarise(m);
    is(m, "value", 2, 0.242209, 7.224688);
    assert_int_equal(m->n, 2);
    assert_int_equal(m->observed_ns, UINT64_C(3600) * CLK_NS_PER_S);
    assert_true(fabs(m->blocks[0].value - 4) < 1e-12);
    assert_true(m->blocks[1].value == 0);
}

static void no_event_is_at_most_three_in_the_time(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    struct result_metric *m = result_metric_find(&r, "rare");
    add_events(m, 0, 29);
    add_events(m, 0, 29);
    summarise(m);
    is(m, "value", 0, 0, 3 * 3600.0 / 58);
    assert_int_equal(m->n, 0);
}

static void events_without_a_time_are_not_known(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_all(&r);
    struct result_metric *m = result_metric_find(&r, "rare");
    summarise(m);
    is(m, "value", NAN, NAN, NAN);
    add_events(m, 3, 0);
    summarise(m);
    is(m, "value", NAN, NAN, NAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mean_has_students_interval),
        cmocka_unit_test(an_interval_is_never_negative),
        cmocka_unit_test(one_repetition_has_no_interval),
        cmocka_unit_test(a_maximum_is_bounded_from_below_only),
        cmocka_unit_test(a_sum_has_no_interval),
        cmocka_unit_test(a_share_is_that_of_all_samples),
        cmocka_unit_test(events_are_counted_over_all_repetitions),
        cmocka_unit_test(no_event_is_at_most_three_in_the_time),
        cmocka_unit_test(events_without_a_time_are_not_known),
        cmocka_unit_test(nothing_measured_is_not_a_number),
        cmocka_unit_test(a_histogram_has_six_statistics_of_the_pooled_sample),
        cmocka_unit_test(repetitions_that_differ_widen_the_interval),
        cmocka_unit_test(intervals_are_those_of_the_plain_bootstrap),
        cmocka_unit_test(no_bootstrap_bounds_what_the_sample_is_too_small_for),
        cmocka_unit_test(the_same_seed_gives_the_same_interval),
        cmocka_unit_test(clamped_values_are_counted),
        cmocka_unit_test(histograms_of_different_size_are_not_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
