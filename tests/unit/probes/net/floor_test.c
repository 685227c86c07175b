#include "probes/net/floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static void floor_is_measured_on_the_loopback(void **state)
{
    (void)state;
    static const volatile sig_atomic_t never = 0;
    struct floor_hists f = { 0 };
    struct err e = { 0 };
    uint64_t highest = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    assert_int_equal(hist_open(&f.rtt, highest, &e), 0);
    assert_int_equal(hist_open(&f.felt, highest, &e), 0);
    if (floor_measure(&f, &never, &e)) {
        print_message("%s\n", e.msg);
        skip();
    }
    assert_true(f.rtt.total > 0);
    assert_int_equal(f.rtt.total, f.felt.total);
    assert_true(f.rtt.total <= FLOOR_NS / FLOOR_EVERY_NS + 1);
    assert_true(f.rtt.min < f.felt.min);
    hist_release(&f.rtt);
    hist_release(&f.felt);
}

static void interrupted_it_measures_nothing(void **state)
{
    (void)state;
    static const volatile sig_atomic_t stop = 1;
    struct floor_hists f = { 0 }; /* closed: nothing may be recorded */
    struct err e = { 0 };
    if (floor_measure(&f, &stop, &e))
        skip();
    assert_int_equal(f.rtt.total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floor_is_measured_on_the_loopback),
        cmocka_unit_test(interrupted_it_measures_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
