#include "bench/thrift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* The share of one CPU that sleepers take. */
static double share(struct thrift_sleepers s, uint64_t wake_ns)
{
    return (double)s.threads * (double)wake_ns / (double)s.interval_ns;
}

static void the_sleepers_of_any_host_cost_a_ninth_of_a_percent_at_most(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= 4096; cpus *= 2) {
        for (uint64_t wake_ns = 500; wake_ns < 55000; wake_ns += 500) {
            struct thrift_sleepers s = thrift_sleepers(cpus, wake_ns);
            assert_true(share(s, wake_ns) <= 0.00112);
            assert_in_range(s.interval_ns, 10 * MS, 50 * MS);
            assert_in_range(s.threads, 1, cpus);
        }
    }
}

static void cheap_wakes_come_often_and_dear_ones_in_turns(void **state)
{
    (void)state;
    assert_int_equal(thrift_sleepers(2, 5000).interval_ns, 10 * MS);
    assert_int_equal(thrift_sleepers(2, 20000).interval_ns, 36 * MS);
    assert_int_equal(thrift_sleepers(2, 20000).threads, 2);
    struct thrift_sleepers many = thrift_sleepers(256, 5000);
    assert_int_equal(many.interval_ns, 50 * MS);
    assert_int_equal(many.threads, 11);
    assert_int_equal(thrift_sleepers(0, 0).threads, 1);
    assert_int_equal(thrift_sleepers(8, 1000000000).threads, 1); /* one is always awake */
}

static void looks_are_as_rare_as_they_are_dear(void **state)
{
    (void)state;
    assert_int_equal(thrift_pause_ns(0, 0), 100 * MS);
    assert_int_equal(thrift_pause_ns(200000, 0), 200 * MS);
    assert_int_equal(thrift_pause_ns(20000, 0.006), 200 * MS);
    assert_int_equal(thrift_pause_ns(20000, 0.0029), 100 * MS);
    assert_int_equal(thrift_pause_ns(90000000, 1), 500 * MS);
}

static void a_wake_costs_something(void **state)
{
    (void)state;
    assert_true(thrift_wake_ns() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sleepers_of_any_host_cost_a_ninth_of_a_percent_at_most),
        cmocka_unit_test(cheap_wakes_come_often_and_dear_ones_in_turns),
        cmocka_unit_test(looks_are_as_rare_as_they_are_dear),
        cmocka_unit_test(a_wake_costs_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
