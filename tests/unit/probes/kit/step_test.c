#include "probes/kit/step.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

enum {
    SERIES = 120,
    SEEDS = 300
};

static uint64_t first_seed(void)
{
    const char *seed = getenv("PLIMSOLL_SEED"); // NOLINT(concurrency-mt-unsafe)
    return seed ? strtoull(seed, NULL, 10) : 1;
}

struct series {
    double v[SERIES];
    double work[STEP_WORK * SERIES];
    struct prng prng;
};

static double normal(struct prng *p)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += prng_unit(p);
    return sum;
}

static struct series level(double at, double noise_ratio, uint64_t seed)
{
    struct series s;
    prng_init(&s.prng, seed);
    for (size_t i = 0; i < SERIES; i++)
        s.v[i] = at * (1 + noise_ratio * normal(&s.prng));
    return s;
}

static struct series stepped(double before, double after, size_t at, double noise, uint64_t seed)
{
    struct series s = level(1, noise, seed);
    for (size_t i = 0; i < SERIES; i++)
        s.v[i] *= i < at ? before : after;
    return s;
}

static struct step find(struct series *s, size_t n)
{
    return step_find(s->v, n, s->work, 7);
}

static void a_fall_is_found_at_its_value_with_its_levels(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 50; seed++) {
        struct series s = stepped(3000, 1002, 71, 0.07, seed);
        struct step found = find(&s, SERIES);
        if (!found.found || found.at != 71)
            fail_msg("seed %lu: step at %zu", (unsigned long)seed, found.at);
        assert_true(fabs(found.before / 3000 - 1) < 0.03);
        assert_true(fabs(found.after / 1002 - 1) < 0.04);
    }
}

static void a_rise_is_found_too(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 50; seed++) {
        struct series s = stepped(730, 65000, 30, 0.07, seed);
        struct step found = find(&s, SERIES);
        assert_true(found.found);
        assert_int_equal(found.at, 30);
        assert_true(found.after > found.before);
    }
}

/*
 * What was recorded when a throttle of 730 IOPS was lifted on a disk that others used: its own rate
 * wandered by a factor of ten.
 */
static void a_lifted_throttle_is_found_before_a_wild_level(void **state)
{
    (void)state;
    static const double v[] = { 690,   456,   795,  730,   755,   730,   730,   657,   730,   730,
                                730,   730,   730,  730,   730,   5104,  7039,  7099,  10719, 12153,
                                8815,  8708,  8516, 4317,  2306,  1920,  7933,  7425,  17960, 15708,
                                21331, 24078, 5034, 12066, 23506, 25304, 21254, 10125, 17303 };

    enum {
        COUNT = sizeof v / sizeof *v
    };

    double work[STEP_WORK * COUNT];
    struct step found = step_find(v, COUNT, work, 1);
    assert_true(found.found);
    assert_int_equal(found.at, 15);
    assert_true(fabs(found.before / 730 - 1) < 0.03);
}

static void a_third_off_is_found_within_a_second_in_noise(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 50; seed++) {
        struct series s = stepped(15000, 10000, 60, 0.07, seed);
        struct step found = find(&s, SERIES);
        assert_true(found.found);
        assert_in_range(found.at, 58, 62);
    }
}

static void noise_alone_is_no_step(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + SEEDS; seed++) {
        struct series s = level(65000, 0.07, seed);
        struct step found = find(&s, SERIES);
        if (found.found)
            fail_msg("seed %lu: step at %zu", (unsigned long)seed, found.at);
        assert_true(isnan(found.before) && isnan(found.after));
        assert_true(fabs(found.level / 65000 - 1) < 0.03);
    }
}

/* Wild but without a level: a threshold of noise stops what the shuffles might let through. */
static void strong_noise_is_no_step_either(void **state)
{
    (void)state;
    unsigned steps = 0;
    for (uint64_t seed = first_seed(); seed < first_seed() + SEEDS; seed++) {
        struct series s = level(65000, 0.25, seed);
        steps += find(&s, SERIES).found;
    }
    assert_int_equal(steps, 0);
}

/* A slow wander of a tenth, as neighbours make it. */
static void a_wander_is_no_step(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + SEEDS; seed++) {
        struct series s = level(65000, 0.05, seed);
        for (size_t i = 0; i < SERIES; i++)
            s.v[i] *= 1 + 0.05 * sin((double)i / 12 + (double)seed);
        assert_false(find(&s, SERIES).found);
    }
}

static void single_bad_seconds_are_no_step_and_move_no_level(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 100; seed++) {
        struct series s = level(500, 0.02, seed);
        for (int i = 0; i < 6; i++)
            s.v[prng_below(&s.prng, 20) + 20 * (size_t)i] = 20;
        struct step found = find(&s, SERIES);
        assert_false(found.found);
        assert_true(fabs(found.level / 500 - 1) < 0.02);
    }
}

/* Twenty seconds of a loop device whose throttle of 740 a second was imposed, and lifted, half-way.
 */
static void a_step_in_a_short_series_is_no_chance(void **state)
{
    (void)state;
    struct series imposed = {
        .v = {22142, 19254, 23396, 23833, 13263, 12938, 10003, 15439, 25221, 29070, 2201, 740, 740,
              740, 740, 740, 740, 762}
    };
    struct series lifted = {
        .v = {741, 740, 740, 740, 740, 740, 740, 740, 11552, 34018, 43091, 51074, 49605, 52478,
              34726, 30858, 38465}
    };
    struct step fall = find(&imposed, 18);
    struct step rise = find(&lifted, 17);
    assert_true(fall.found);
    assert_in_range(fall.at, 10, 11);
    assert_in_range(fall.after, 735, 745);
    assert_true(rise.found);
    assert_in_range(rise.at, 8, 9);
    assert_in_range(rise.before, 735, 745);
}

static void a_step_is_found_beside_bad_seconds(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < first_seed() + 50; seed++) {
        struct series s = stepped(3000, 1500, 50, 0.02, seed);
        s.v[20] = 10;
        s.v[51] = 3100;
        s.v[90] = 0;
        struct step found = find(&s, SERIES);
        assert_true(found.found);
        assert_in_range(found.at, 49, 52);
        assert_true(fabs(found.before / 3000 - 1) < 0.03);
        assert_true(fabs(found.after / 1500 - 1) < 0.03);
    }
}

/* Levels without any spread: a limiter that is exact. */
static void exact_levels_are_found(void **state)
{
    (void)state;
    struct series s = stepped(3000, 1000, 5, 0, 1);
    struct step found = find(&s, SERIES);
    assert_true(found.found);
    assert_int_equal(found.at, 5);
    assert_true(found.before > 2999.9 && found.before < 3000.1);
    assert_true(found.after > 999.9 && found.after < 1000.1);
}

static void a_level_must_last(void **state)
{
    (void)state;
    struct series s = stepped(3000, 1000, STEP_SIDE - 1, 0.001, 1);
    assert_false(find(&s, SERIES).found);
    s = stepped(3000, 1000, STEP_SIDE, 0.001, 1);
    assert_false(find(&s, 2 * STEP_SIDE - 1).found);
    assert_true(find(&s, 4 * STEP_SIDE).found);
}

static void nothing_is_found_in_nothing(void **state)
{
    (void)state;
    struct series s = stepped(0, 0, 5, 0, 1);
    assert_false(find(&s, 0).found);
    assert_true(isnan(find(&s, 0).level));
    assert_false(find(&s, 1).found);
    assert_false(find(&s, SERIES).found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fall_is_found_at_its_value_with_its_levels),
        cmocka_unit_test(a_rise_is_found_too),
        cmocka_unit_test(a_lifted_throttle_is_found_before_a_wild_level),
        cmocka_unit_test(a_third_off_is_found_within_a_second_in_noise),
        cmocka_unit_test(noise_alone_is_no_step),
        cmocka_unit_test(strong_noise_is_no_step_either),
        cmocka_unit_test(a_wander_is_no_step),
        cmocka_unit_test(single_bad_seconds_are_no_step_and_move_no_level),
        cmocka_unit_test(a_step_in_a_short_series_is_no_chance),
        cmocka_unit_test(a_step_is_found_beside_bad_seconds),
        cmocka_unit_test(exact_levels_are_found),
        cmocka_unit_test(a_level_must_last),
        cmocka_unit_test(nothing_is_found_in_nothing),
    };
    print_message("seed %lu (PLIMSOLL_SEED=N)\n", (unsigned long)first_seed());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
