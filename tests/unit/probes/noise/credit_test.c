#include "probes/noise/credit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

enum {
    LONGEST = 400,
    SEEDS = 300
};

static double series[LONGEST];
static double work[CREDIT_WORK * LONGEST];

/* Uniform within 1 +- half. */
static double noise(struct prng *prng, double half)
{
    return 1 + half * (2 * prng_unit(prng) - 1);
}

static void level(size_t from, size_t to, double value, double half, struct prng *prng)
{
    for (size_t i = from; i < to; i++)
        series[i] = value * noise(prng, half);
}

static struct credit find(size_t n)
{
    return credit_find(series, n, work, 1);
}

static void a_flat_series_held(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 1);
    level(0, 60, 2000, 0, &prng);
    assert_int_equal(find(60).verdict, CREDIT_HELD);
    level(0, 60, 2000, 0.05, &prng);
    assert_int_equal(find(60).verdict, CREDIT_HELD);
}

static void too_few_values_say_nothing(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 2);
    level(0, 12, 2000, 0, &prng);
    assert_int_equal(find(0).verdict, CREDIT_FEW);
    assert_int_equal(find(12).verdict, CREDIT_FEW);
    assert_int_equal(find(13).verdict, CREDIT_FEW + 1);
}

/* Levels of all published kinds, at several moments, in the noise of a busy host. */
static void a_step_to_a_lower_level_is_a_bucket(void **state)
{
    static const double levels[] = { 0.05, 0.1, 0.125, 0.2, 0.3, 0.4, 0.5, 0.6 };
    static const size_t moments[] = { 8, 20, 40, 50 };
    struct prng prng;
    (void)state;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        for (size_t k = 0; k < sizeof moments / sizeof moments[0]; k++) {
            prng_init(&prng, i * 10 + k);
            level(0, moments[k], 2000, 0.05, &prng);
            level(moments[k], 60, 2000 * levels[i], 0.05, &prng);
            struct credit c = find(60);
            assert_int_equal(c.verdict, CREDIT_BUCKET);
            assert_int_equal(c.at, moments[k]);
            assert_true(fabs(c.level_ratio / levels[i] - 1) < 0.05);
        }
    }
}

/* Cut back to 5 %, a CPU does 50 pieces of work a second, and 12 or 13 in a quarter of one. */
static void a_quantised_level_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < 60; i++)
        series[i] = i < 24 ? 1000 : i % 2 ? 48 : 52;
    struct credit c = find(60);
    assert_int_equal(c.verdict, CREDIT_BUCKET);
    assert_int_equal(c.at, 24);
}

/* A quota a 100 ms, of which two or three fall into a value. */
static void quotas_that_do_not_fit_a_value_are_a_level(void **state)
{
    static const double fitted[] = { 0.3, 0.2, 0.3, 0.2, 0.2 };
    (void)state;
    for (size_t i = 0; i < 60; i++)
        series[i] = 2000 * (i < 24 ? 1 : fitted[i % 5]);
    assert_int_equal(find(60).verdict, CREDIT_BUCKET);
}

static void single_bad_values_do_not_hide_a_step(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 3);
    level(0, 30, 2000, 0.05, &prng);
    level(30, 60, 400, 0.05, &prng);
    series[7] = 300;
    series[44] = 1900;
    assert_int_equal(find(60).verdict, CREDIT_BUCKET);
}

static void a_ramp_is_no_bucket(void **state)
{
    struct prng prng;
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        prng_init(&prng, seed);
        double end = 0.1 + 0.8 * prng_unit(&prng);
        for (size_t i = 0; i < 60; i++)
            series[i] = 2000 * (1 - (1 - end) * (double)i / 59) * noise(&prng, 0.03);
        assert_int_not_equal(find(60).verdict, CREDIT_BUCKET);
    }
}

static void a_step_that_recovers_is_no_bucket(void **state)
{
    static const size_t ends[] = { 30, 40, 50, 54, 57 };
    struct prng prng;
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        prng_init(&prng, i);
        level(0, 20, 2000, 0.05, &prng);
        level(20, ends[i], 500, 0.05, &prng);
        level(ends[i], 60, 2000, 0.05, &prng);
        assert_int_not_equal(find(60).verdict, CREDIT_BUCKET);
    }
}

static void a_rise_and_a_small_fall_are_no_bucket(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 4);
    level(0, 30, 500, 0.05, &prng);
    level(30, 60, 2000, 0.05, &prng);
    assert_int_equal(find(60).verdict, CREDIT_CHANGED);
    level(0, 30, 2000, 0.02, &prng);
    level(30, 60, 1600, 0.02, &prng); /* turbo that ends */
    assert_int_equal(find(60).verdict, CREDIT_CHANGED);
    level(0, 30, 2000, 0.02, &prng);
    level(30, 60, 10, 0.02, &prng); /* a machine that stopped */
    assert_int_equal(find(60).verdict, CREDIT_CHANGED);
}

static void two_falls_are_no_bucket(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 5);
    level(0, 20, 2000, 0.03, &prng);
    level(20, 40, 1200, 0.03, &prng);
    level(40, 60, 500, 0.03, &prng);
    assert_int_not_equal(find(60).verdict, CREDIT_BUCKET);
}

/* Of SEEDS series of independent noise, how many were taken for a bucket. */
static unsigned buckets_in_noise(size_t n, double half, double jam)
{
    unsigned found = 0;
    struct prng prng;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        prng_init(&prng, seed);
        level(0, n, 2000, half, &prng);
        for (size_t i = 0; i < n; i++)
            series[i] *= prng_unit(&prng) < jam ? 0.3 : 1;
        found += credit_find(series, n, work, seed).verdict == CREDIT_BUCKET;
    }
    return found;
}

static void noise_alone_is_hardly_ever_a_bucket(void **state)
{
    static const size_t lengths[] = { 13, 20, 48, 100 };
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(buckets_in_noise(lengths[i], 0.05, 0), 0);
        assert_int_equal(buckets_in_noise(lengths[i], 0.3, 0), 0);
        assert_in_range(buckets_in_noise(lengths[i], 0.9, 0), 0, SEEDS / 100);
        assert_in_range(buckets_in_noise(lengths[i], 0.05, 0.1), 0, SEEDS / 100);
        assert_in_range(buckets_in_noise(lengths[i], 0.05, 0.5), 0, SEEDS / 100);
    }
}

static void a_series_that_moves_all_the_time_is_wild(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 6);
    level(0, 60, 2000, 0.6, &prng);
    assert_int_equal(find(60).verdict, CREDIT_WILD);
}

static void the_drift_is_the_slope_whatever_single_values_are(void **state)
{
    struct prng prng;
    (void)state;
    prng_init(&prng, 7);
    for (size_t n = CREDIT_DRIFT; n <= LONGEST; n += 90) {
        for (size_t i = 0; i < n; i++)
            series[i] = 1000 * (1 - 0.1 * ((double)i / (double)n - 0.5)) * noise(&prng, 0.005);
        series[3] = 10;
        series[n / 2] = 10;
        assert_true(fabs(credit_drift(series, n) * (double)n / -0.1 - 1) < 0.15);
    }
    level(0, 100, 1000, 0, &prng);
    assert_true(credit_drift(series, 100) == 0);
    assert_true(isnan(credit_drift(series, CREDIT_DRIFT - 1)));
    level(0, 100, 0, 0, &prng);
    assert_true(isnan(credit_drift(series, 100)));
}

static void published_levels_are_named(void **state)
{
    (void)state;
    assert_string_equal(credit_plan(0.124), "Google e2-micro");
    assert_non_null(credit_plan(0.0505));
    assert_non_null(credit_plan(0.39));
    assert_null(credit_plan(0.075));
    assert_null(credit_plan(0.7));
    assert_null(credit_plan(NAN));
}

static void what_is_half_of_the_fall_explains_it(void **state)
{
    (void)state;
    assert_true(credit_explains(0.2, 0.0, 0.8));
    assert_true(credit_explains(0.2, 0.01, 0.42));
    assert_false(credit_explains(0.2, 0.3, 0.5));
    assert_false(credit_explains(0.2, 0, NAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_series_held),
        cmocka_unit_test(too_few_values_say_nothing),
        cmocka_unit_test(a_step_to_a_lower_level_is_a_bucket),
        cmocka_unit_test(a_quantised_level_is_one),
        cmocka_unit_test(quotas_that_do_not_fit_a_value_are_a_level),
        cmocka_unit_test(single_bad_values_do_not_hide_a_step),
        cmocka_unit_test(a_ramp_is_no_bucket),
        cmocka_unit_test(a_step_that_recovers_is_no_bucket),
        cmocka_unit_test(a_rise_and_a_small_fall_are_no_bucket),
        cmocka_unit_test(two_falls_are_no_bucket),
        cmocka_unit_test(noise_alone_is_hardly_ever_a_bucket),
        cmocka_unit_test(a_series_that_moves_all_the_time_is_wild),
        cmocka_unit_test(the_drift_is_the_slope_whatever_single_values_are),
        cmocka_unit_test(published_levels_are_named),
        cmocka_unit_test(what_is_half_of_the_fall_explains_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
