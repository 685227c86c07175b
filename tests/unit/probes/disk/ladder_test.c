#include "probes/disk/ladder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Climbs a curve given by depth 1, 2, 4 ...; how many steps were taken. */
static unsigned climb(struct ladder *l, unsigned depth_max, const double *rates)
{
    unsigned steps = 1;
    ladder_init(l, depth_max);
    for (; ladder_climb(l, rates[__builtin_ctz(l->depth)]); steps++)
        assert_in_range(l->depth, 1, depth_max);
    return steps;
}

static void the_knee_is_where_doubling_stops_to_gain(void **state)
{
    (void)state;
    struct ladder l;
    static const double nvme[] = { 10, 20, 40, 70, 73, 200, 400 };
    assert_int_equal(climb(&l, 64, nvme), 6); /* 73 is tried twice */
    assert_int_equal(l.knee_depth, 8);
    assert_true(l.knee_rate == 70); // NOLINT: exact on purpose
    assert_true(l.again);
    static const double disk[] = { 100, 100, 1000 };
    assert_int_equal(climb(&l, 64, disk), 3);
    assert_int_equal(l.knee_depth, 1);
}

static void exactly_the_gain_counts(void **state)
{
    (void)state;
    struct ladder l;
    static const double curve[] = { 100, 105, 110 };
    (void)climb(&l, 64, curve);
    assert_int_equal(l.knee_depth, 2); /* 110 would have to be 110.25 */
}

static void one_stall_does_not_end_the_climb(void **state)
{
    (void)state;
    struct ladder l;
    ladder_init(&l, 64);
    assert_true(ladder_climb(&l, 100));
    assert_int_equal(l.depth, 2);
    assert_true(ladder_climb(&l, 30)); /* stalled */
    assert_int_equal(l.depth, 2);
    assert_true(ladder_climb(&l, 190));
    assert_int_equal(l.depth, 4);
    assert_true(ladder_climb(&l, 40));
    assert_false(ladder_climb(&l, 195));
    assert_int_equal(l.knee_depth, 2);
}

static void the_deepest_is_not_exceeded(void **state)
{
    (void)state;
    struct ladder l;
    static const double curve[] = { 1, 2, 4, 8, 16, 32, 64, 128 };
    assert_int_equal(climb(&l, 64, curve), 7);
    assert_int_equal(l.knee_depth, 64);
    assert_false(l.again);
    assert_int_equal(climb(&l, 1, curve), 1); /* an engine without a queue */
    assert_int_equal(l.knee_depth, 1);
    assert_int_equal(climb(&l, 48, curve), 6);
    assert_int_equal(l.knee_depth, 32);
}

static void nothing_reached_is_no_knee(void **state)
{
    (void)state;
    struct ladder l;
    static const double curve[] = { 0, 0 };
    (void)climb(&l, 2, curve);
    assert_true(l.knee_rate == 0); // NOLINT: exact on purpose
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_knee_is_where_doubling_stops_to_gain),
        cmocka_unit_test(exactly_the_gain_counts),
        cmocka_unit_test(one_stall_does_not_end_the_climb),
        cmocka_unit_test(the_deepest_is_not_exceeded),
        cmocka_unit_test(nothing_reached_is_no_knee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
