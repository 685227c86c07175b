#include "probes/disk/curve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Curves of the shapes that media have, at depths 1, 2, 4 ... 128; capped was recorded. */
static const struct curve nvme = {
    {11800, 23500, 46800, 91000, 172000, 301000, 440000, 512000}
};
static const struct curve virtio = {
    {14700, 22400, 31000, 44000, 56000, 64000, 65500, 66000}
};
static const struct curve sata = {
    {9600, 18900, 36500, 66000, 89000, 96500, 97000, 97000}
};
static const struct curve hdd = {
    {78, 84, 102, 126, 152, 181, 190, 192}
};
static const struct curve capped = {
    {3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000}
};
static const struct curve noisy = {
    {14000, 9000, 27000, 41000, 39500, 66000, 60000, 64000}
};
static const struct curve falling = {
    {20000, 39000, 52000, 50000, 41000, 33000, 27000, 20000}
};

static void the_knee_is_the_least_depth_near_the_best(void **state)
{
    (void)state;
    assert_int_equal(curve_depth(curve_knee(&nvme)), 128);
    assert_int_equal(curve_depth(curve_knee(&virtio)), 32);
    assert_int_equal(curve_depth(curve_knee(&sata)), 32);
    assert_int_equal(curve_depth(curve_knee(&hdd)), 64);
    assert_int_equal(curve_depth(curve_knee(&capped)), 1);
    assert_int_equal(curve_depth(curve_knee(&noisy)), 32);
    assert_int_equal(curve_depth(curve_knee(&falling)), 4);
}

static void ninety_five_per_cent_is_enough_and_less_is_not(void **state)
{
    (void)state;
    struct curve c = {
        {950, 1000}
    };
    assert_int_equal(curve_knee(&c), 0);
    c.iops[0] = 949;
    assert_int_equal(curve_knee(&c), 1);
}

static void what_was_not_measured_is_no_knee(void **state)
{
    (void)state;
    struct curve c = { { 0 } };
    assert_int_equal(curve_knee(&c), CURVE_NONE);
    c.iops[5] = 1;
    assert_int_equal(curve_knee(&c), 5);
}

/* How many rungs are climbed until the gain has stopped, at most all. */
static unsigned climb(const struct curve *c)
{
    unsigned climbed = 0;
    while (climbed < CURVE_DEPTHS && !curve_stopped(c, climbed))
        climbed++;
    return climbed;
}

static void the_climb_ends_two_doublings_after_the_last_gain(void **state)
{
    (void)state;
    assert_int_equal(climb(&nvme), CURVE_DEPTHS);
    assert_int_equal(climb(&virtio), 8); /* 32; 64 and 128 bring 2 and 1 % */
    assert_int_equal(climb(&sata), 8);
    assert_int_equal(climb(&hdd), 8);
    assert_int_equal(climb(&capped), 3);
    assert_int_equal(climb(&falling), 5); /* 4; 8 and 16 bring nothing */
}

static void one_bad_turn_does_not_end_it_nor_make_the_next_a_gain(void **state)
{
    (void)state;
    assert_int_equal(climb(&noisy), 8); /* 9000 after 14000 is one, 39500 after 41000 is one */
    const struct curve dip = {
        {1000, 500, 1040, 1045, 0}
    };
    assert_int_equal(climb(&dip), 3); /* 1040 is twice its neighbour and no gain on the best */
}

static void a_gain_is_five_per_cent(void **state)
{
    (void)state;
    struct curve c = {
        {1000, 1049, 1049}
    };
    assert_true(curve_stopped(&c, 3));
    c.iops[1] = c.iops[2] = 1050;
    assert_false(curve_stopped(&c, 3));
}

static void a_deeper_rung_may_disprove_that_it_stopped(void **state)
{
    (void)state;
    struct curve c = {
        {1000, 1000, 1000, 0, 0, 1050}
    };
    assert_true(curve_revives(&c, 3, CURVE_QD32));
    c.iops[CURVE_QD32] = 1049;
    assert_false(curve_revives(&c, 3, CURVE_QD32));
    c.iops[CURVE_QD32] = 0; /* not measured */
    assert_false(curve_revives(&c, 3, CURVE_QD32));
    c.iops[CURVE_QD32] = 9000; /* climbed over: it is judged in its turn */
    assert_false(curve_revives(&c, 6, CURVE_QD32));
}

static void neighbours_are_the_nearest_measured(void **state)
{
    (void)state;
    const struct curve c = {
        {10, 20, 20, 0, 0, 21}
    };
    assert_int_equal(curve_below(&c, 1), 0);
    assert_int_equal(curve_below(&c, 0), CURVE_NONE);
    assert_int_equal(curve_below(&c, CURVE_QD32), 2);
    assert_int_equal(curve_above(&c, 2), CURVE_QD32);
    assert_int_equal(curve_above(&c, CURVE_QD32), CURVE_NONE);
    assert_int_equal(curve_below(&c, CURVE_DEPTHS), CURVE_QD32);
}

static void a_limiter_saves_while_less_is_asked_for_or_answered(void **state)
{
    (void)state;
    assert_true(curve_saves(&capped, -1, 0, CURVE_QD1));
    assert_true(curve_saves(&capped, 0, 3000, 1));
    assert_false(curve_saves(&capped, 1, 3000, 1));
    assert_false(curve_saves(&capped, CURVE_QD32, 2850, CURVE_QD1));
    assert_true(curve_saves(&capped, CURVE_QD32, 2849, CURVE_QD1)); /* it stalled */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_knee_is_the_least_depth_near_the_best),
        cmocka_unit_test(ninety_five_per_cent_is_enough_and_less_is_not),
        cmocka_unit_test(what_was_not_measured_is_no_knee),
        cmocka_unit_test(the_climb_ends_two_doublings_after_the_last_gain),
        cmocka_unit_test(one_bad_turn_does_not_end_it_nor_make_the_next_a_gain),
        cmocka_unit_test(a_gain_is_five_per_cent),
        cmocka_unit_test(a_deeper_rung_may_disprove_that_it_stopped),
        cmocka_unit_test(a_limiter_saves_while_less_is_asked_for_or_answered),
        cmocka_unit_test(neighbours_are_the_nearest_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
