#include "probes/disk/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Takes so many turns on a disk with that curve; "1 2 4 p 1 32", p being at a pace. */
static const char *order(struct turns *t, const struct curve *disk, unsigned turns, uint64_t time)
{
    static char text[256];
    struct curve seen = { { 0 } };
    text[0] = '\0';
    for (unsigned i = 0; i < turns; i++) {
        unsigned turn = turns_next(t, &seen, time - i);
        size_t size = strlen(text);
        if (turn == TURNS_PACED) {
            (void)snprintf(text + size, sizeof text - size, "%sp", i ? " " : "");
            continue;
        }
        assert_true(turn < CURVE_DEPTHS);
        seen.iops[turn] = disk->iops[turn];
        (void)snprintf(text + size, sizeof text - size, "%s%u", i ? " " : "", curve_depth(turn));
    }
    return text;
}

static const struct curve rising = {
    {10, 20, 40, 80, 160, 320, 640, 1280}
};
static const struct curve virtio = {
    {14700, 22400, 31000, 44000, 56000, 64000, 65500, 66000}
};
static const struct curve capped = {
    {3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000}
};

static void a_disk_that_gains_is_climbed_to_the_top(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &rising, 15, 1000), "1 2 4 8 16 32 64 128 128 64 32 1 128 64 32");
    assert_true(t.settled);
    assert_false(t.hurried);
}

static void a_capped_disk_is_left_after_two_doublings_but_for_depth_32(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &capped, 10, 1000), "1 2 4 32 32 2 1 32 2 1");
    assert_int_equal(t.climbed, 3);
}

static void depth_32_is_climbed_over_once(void **state)
{
    (void)state;
    static const struct curve flat_from_8 = {
        {10, 20, 40, 80, 80, 80, 80, 80}
    };
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &flat_from_8, 12, 1000), "1 2 4 8 16 32 32 16 8 4 1 32");
}

static void depths_around_the_knee_stay_in_turns(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, true, true);
    assert_string_equal(order(&t, &virtio, 18, 1000),
                        "1 2 4 8 16 32 64 128 p 64 32 16 1 p 64 32 16 1");
}

static void where_depth_32_gains_after_all_the_climb_goes_on(void **state)
{
    (void)state;
    static const struct curve fooled = {
        {1000, 1000, 1000, 2000, 3000, 4000, 4100, 4100}
    };
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &fooled, 12, 1000), "1 2 4 32 8 16 32 64 128 64 32 16");
}

/* Depth 32 and a turn at a pace are never lost to the climb. */
static void a_short_slot_has_all_that_is_judged(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, true, true);
    assert_string_equal(order(&t, &rising, 4, 7), "1 32 p 32");
    assert_true(t.hurried);
    turns_init(&t, true, true);
    assert_string_equal(order(&t, &rising, 8, 10), "1 2 4 8 32 p 32 8");
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &rising, 3, 3), "1 32 32");
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &rising, 1, 1), "1");
}

static void without_a_queue_there_is_depth_1_and_the_pace(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, false, true);
    assert_string_equal(order(&t, &rising, 5, 1000), "1 p 1 p 1");
    turns_init(&t, false, true);
    assert_string_equal(order(&t, &rising, 13, 1000), "1 p 1 p 1 p 1 1 p 1 1 p 1");
    turns_init(&t, false, false);
    assert_string_equal(order(&t, &rising, 3, 1000), "1 1 1");
}

/* A disk that answers nothing in its turns has no curve; the turns go on. */
static void without_any_figure_the_turns_go_on(void **state)
{
    (void)state;
    static const struct curve none = { { 0 } };
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &none, 11, 1000), "1 2 4 8 16 32 64 128 32 1 32");
}

static void after_three_rounds_the_others_have_another_turn(void **state)
{
    (void)state;
    struct turns t;
    turns_init(&t, true, false);
    assert_string_equal(order(&t, &capped, 4, 1000), "1 2 4 32");
    struct curve c = {
        {3000, 3000, 3000, 0, 0, 3000}
    };
    unsigned turns[CURVE_DEPTHS] = { 0 };
    for (unsigned i = 0; i < 3 * 10 + 1; i++)
        turns[turns_next(&t, &c, 1000)]++;
    assert_int_equal(turns[0], 10);
    assert_int_equal(turns[1], 10);
    assert_int_equal(turns[2], 1); /* in the fifth round, and next in the twelfth */
    assert_int_equal(turns[5], 10);
}

static void a_knee_that_moves_is_followed_in_the_next_round(void **state)
{
    (void)state;
    struct turns t;
    struct curve c = { { 0 } };
    turns_init(&t, true, false);
    while (!t.settled) {
        unsigned turn = turns_next(&t, &c, 1000);
        if (!t.settled)
            c.iops[turn] = virtio.iops[turn];
    }
    c.iops[3] = 90000; /* in the middle of a round */
    /* The first of the round, 64, was taken above. */
    assert_int_equal(turns_next(&t, &c, 1000), 5);
    assert_int_equal(turns_next(&t, &c, 1000), 4);
    assert_int_equal(turns_next(&t, &c, 1000), 0);
    assert_int_equal(turns_next(&t, &c, 1000), 5);
    assert_int_equal(turns_next(&t, &c, 1000), 4);
    assert_int_equal(turns_next(&t, &c, 1000), 3);
    assert_int_equal(turns_next(&t, &c, 1000), 2);
    assert_int_equal(turns_next(&t, &c, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_gains_is_climbed_to_the_top),
        cmocka_unit_test(a_capped_disk_is_left_after_two_doublings_but_for_depth_32),
        cmocka_unit_test(depth_32_is_climbed_over_once),
        cmocka_unit_test(depths_around_the_knee_stay_in_turns),
        cmocka_unit_test(where_depth_32_gains_after_all_the_climb_goes_on),
        cmocka_unit_test(a_short_slot_has_all_that_is_judged),
        cmocka_unit_test(without_a_queue_there_is_depth_1_and_the_pace),
        cmocka_unit_test(without_any_figure_the_turns_go_on),
        cmocka_unit_test(after_three_rounds_the_others_have_another_turn),
        cmocka_unit_test(a_knee_that_moves_is_followed_in_the_next_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
