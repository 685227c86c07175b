#include "probes/kit/ownsched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static void a_schedstat_has_three_numbers(void **state)
{
    (void)state;
    uint64_t run = 0;
    uint64_t queued = 0;
    assert_int_equal(ownsched_parse("123456789012 42 7\n", &run, &queued), 0);
    assert_int_equal(run, UINT64_C(123456789012));
    assert_int_equal(queued, 42);
    assert_int_equal(ownsched_parse("0 0 0\n", &run, &queued), 0);
    assert_int_equal(queued, 0);
}

static void what_is_not_one_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "\n", "5", "5\n", "5 ", "5 x", "x 5", "-5 4 3" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t run = 0;
        uint64_t queued = 0;
        assert_int_equal(ownsched_parse(texts[i], &run, &queued), -1);
    }
}

static void our_own_thread_is_read_and_never_goes_back(void **state)
{
    (void)state;
    AUTO(ownsched) struct ownsched o = OWNSCHED_NONE;
    struct ownsched_now before;
    struct ownsched_now after;
    struct err e;
    bool known = ownsched_open(&o, &e) == 0;
    ownsched_read(&o, &before);
    (void)clk_cost_ns();
    (void)clk_sleep_until(clk_now_ns() + 1); /* gives the CPU up */
    ownsched_read(&o, &after);
    assert_int_equal(after.queued_known, known);
    assert_true(after.run_ns >= before.run_ns);
    assert_true(after.queued_ns >= before.queued_ns);
    assert_true(after.voluntary >= before.voluntary);
}

static void without_the_file_the_switches_are_still_read(void **state)
{
    (void)state;
    struct ownsched none = OWNSCHED_NONE;
    struct ownsched_now now;
    ownsched_read(&none, &now);
    assert_false(now.queued_known);
    assert_int_equal(now.queued_ns, 0);
    ownsched_release(&none);
    ownsched_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schedstat_has_three_numbers),
        cmocka_unit_test(what_is_not_one_is_refused),
        cmocka_unit_test(our_own_thread_is_read_and_never_goes_back),
        cmocka_unit_test(without_the_file_the_switches_are_still_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
