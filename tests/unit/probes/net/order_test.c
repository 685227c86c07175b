#include "probes/net/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void arrive(struct order *o, const uint32_t *sequences, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order_arrived(o, sequences[i]);
}

#define ARRIVE(o, ...)                                                                             \
    arrive(o, (const uint32_t[]){ __VA_ARGS__ },                                                   \
           sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void in_order_nothing_is_reordered(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, 5);
    ARRIVE(&o, 5, 6, 9, 10);
    assert_int_equal(o.reordered, 0);
    assert_int_equal(o.extent_max, 0);
    assert_int_equal(o.expected, 11);
}

static void swapped_neighbours_are_one_with_extent_1(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, 0);
    ARRIVE(&o, 0, 2, 1, 3);
    assert_int_equal(o.reordered, 1);
    assert_int_equal(o.extent_max, 1);
}

static void extent_goes_back_to_the_earliest_later_packet(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, 1);
    /* 4, 5 and 6 come after 7 to 10: 4, 5 and 6 arrivals after the 7. */
    ARRIVE(&o, 1, 2, 3, 7, 8, 9, 10, 4);
    assert_int_equal(o.extent_max, 4);
    ARRIVE(&o, 5, 6, 11);
    assert_int_equal(o.reordered, 3);
    assert_int_equal(o.extent_max, 6);
}

static void what_came_before_any_later_packet_does_not_count(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, 1);
    /* 3 is late by one arrival, that of 4; 1 and 2 were in time. */
    ARRIVE(&o, 1, 2, 4, 3);
    assert_int_equal(o.extent_max, 1);
}

static void sequences_wrap(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, UINT32_MAX - 1);
    ARRIVE(&o, UINT32_MAX - 1, 0, UINT32_MAX, 1);
    assert_int_equal(o.reordered, 1);
    assert_int_equal(o.extent_max, 1);
}

static void extent_is_bounded_by_what_is_remembered(void **state)
{
    (void)state;
    struct order o;
    order_begin(&o, 0);
    for (uint32_t i = 1; i <= 2 * ORDER_REMEMBERED; i++)
        order_arrived(&o, i);
    order_arrived(&o, 0);
    assert_int_equal(o.reordered, 1);
    assert_int_equal(o.extent_max, ORDER_REMEMBERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_nothing_is_reordered),
        cmocka_unit_test(swapped_neighbours_are_one_with_extent_1),
        cmocka_unit_test(extent_goes_back_to_the_earliest_later_packet),
        cmocka_unit_test(what_came_before_any_later_packet_does_not_count),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(extent_is_bounded_by_what_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
