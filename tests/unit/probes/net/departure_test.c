#include "probes/net/departure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

static struct departure open_departure(void)
{
    struct departure d = { 0 };
    struct err e = { 0 };
    assert_int_equal(departure_open(&d, -1, &e), 0); /* no socket: no stamps, and no matter */
    return d;
}

static void stamp_of_the_answer_asked_about_counts_once(void **state)
{
    (void)state;
    struct departure d = open_departure();
    const uint64_t t3_ns = 1790000000 * (uint64_t)CLK_NS_PER_S;
    departure_note(&d, t3_ns);
    assert_true(d.took_ns.total == 0); /* nothing was asked */
    departure_ask(&d, t3_ns, 5);
    departure_note(&d, t3_ns + 12000);
    departure_note(&d, t3_ns + 13000);
    assert_true(d.took_ns.total == 1 && d.took_ns.max == 12000);
    departure_release(&d);
    departure_release(&d);
}

static void stamp_of_an_earlier_answer_or_another_clock_does_not(void **state)
{
    (void)state;
    struct departure d = open_departure();
    const uint64_t t3_ns = 1790000000 * (uint64_t)CLK_NS_PER_S;
    departure_ask(&d, t3_ns, 5);
    departure_note(&d, t3_ns - 1);
    departure_note(&d, t3_ns + 2 * (uint64_t)CLK_NS_PER_S);
    assert_true(d.took_ns.total == 0);
    departure_note(&d, t3_ns);
    assert_true(d.took_ns.total == 1);
    departure_release(&d);
}

static void few_are_asked_about_and_each_place_in_turn(void **state)
{
    (void)state;
    struct departure d = open_departure();
    unsigned seen = 0;
    assert_true(departure_is_due(&d, 1));
    departure_ask(&d, 1, 1);
    assert_false(departure_is_due(&d, 1 + 99 * (uint64_t)CLK_NS_PER_MS));
    assert_true(departure_is_due(&d, 1 + 100 * (uint64_t)CLK_NS_PER_MS));
    for (int i = 0; i < 8; i++)
        seen |= 1U << departure_pick(&d, 8);
    assert_int_equal(seen, 0xff);
    assert_int_equal(departure_pick(&d, 1), 0);
    departure_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamp_of_the_answer_asked_about_counts_once),
        cmocka_unit_test(stamp_of_an_earlier_answer_or_another_clock_does_not),
        cmocka_unit_test(few_are_asked_about_and_each_place_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
