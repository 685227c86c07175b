#include "probes/noise/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static const struct tree_row full[] = {
    {"stat", "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 0 0 10 0 0 0 5 0 0\ncpu2 2 0 0 20 1 0 0 7 0 0\n"
              "cpu3 4 0 0 40 0 0 0 100 0 0\nintr 1\n"},
};

static void the_cpus_asked_for_are_added_up(void **state)
{
    static const uint32_t cpus[] = { 0, 1, 2 };
    struct tree t;
    struct meter meter;
    struct steal_cpu sum;
    struct err e;
    (void)state;
    assert_int_equal(tree_make(&t, full, 1), 0);
    assert_int_equal(meter_open(&meter, t.fd, &e), 0);
    assert_int_equal(meter_read(&meter, cpus, 3, &sum, &e), 0);
    assert_int_equal(sum.steal_ticks, 12);
    assert_int_equal(sum.idle_ticks, 31);
    assert_int_equal(sum.total_ticks, 46);
    assert_int_equal(meter_read(&meter, cpus, 0, &sum, &e), 0);
    assert_int_equal(sum.total_ticks, 0);
    meter_release(&meter);
    meter_release(&meter);
    tree_remove(&t);
}

static void what_is_not_told_is_an_error(void **state)
{
    static const struct tree_row old[] = {
        {"stat", "cpu  9 9 9 9\ncpu0 1 0 0 10\n"},
    };
    struct tree t;
    struct meter meter;
    struct err e;
    (void)state;
    assert_int_equal(tree_make(&t, old, 1), 0);
    assert_int_equal(meter_open(&meter, t.fd, &e), -1);
    assert_int_equal(e.kind, ERR_UNSUPPORTED);
    meter_release(&meter);
    tree_remove(&t);
    assert_int_equal(tree_make(&t, NULL, 0), 0);
    assert_int_equal(meter_open(&meter, t.fd, &e), -1);
    meter_release(&meter);
    tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpus_asked_for_are_added_up),
        cmocka_unit_test(what_is_not_told_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
