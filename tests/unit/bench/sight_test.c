#include "bench/sight.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

/* Two CPUs, of which nothing has been used. */
static struct sight at(uint64_t seconds)
{
    static struct steal_cpu cpus[] = { { .cpu = 0 }, { .cpu = 1 } };
    struct sight s = { .at_ns = seconds * S };
    s.steal = (struct steal){ .cpus = cpus, .count = 2, .reported = true };
    return s;
}

static void near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-9);
}

static void what_is_not_ours_is_the_others(void **state)
{
    (void)state;
    struct sight a = at(10);
    struct sight b = at(20);
    b.steal.all.busy_ticks = 1000; /* 10 s of 20 */
    b.ours_ns = 4 * S;
    near(sight_difference(&a, &b).others_cpu_ratio, 0.3);
    b.ours_ns = 11 * S; /* read a little later */
    near(sight_difference(&a, &b).others_cpu_ratio, 0);
    b.ours_ns = UINT64_MAX;
    assert_true(isnan(sight_difference(&a, &b).others_cpu_ratio));
    b.ours_ns = 0;
    b.steal.all.busy_ticks = 90000;
    near(sight_difference(&a, &b).others_cpu_ratio, 1);
}

static void their_io_is_what_the_disks_did_less_ours(void **state)
{
    (void)state;
    struct sight a = at(10);
    struct sight b = at(12);
    assert_true(isnan(sight_difference(&a, &b).others_io_bytes_per_s));
    a.io_known = b.io_known = true;
    b.all_bytes = 5000;
    b.ours_bytes = 1000;
    near(sight_difference(&a, &b).others_io_bytes_per_s, 2000);
    b.ours_bytes = 9000; /* it is in the page cache yet */
    near(sight_difference(&a, &b).others_io_bytes_per_s, 0);
}

static void of_a_moment_no_rate_of_others_is_told(void **state)
{
    (void)state;
    struct sight a = at(10);
    struct sight b = at(10);
    a.io_known = b.io_known = true;
    b.all_bytes = 1000000;
    b.steal.all.busy_ticks = 2; /* 20 ms, in 5 by the clock */
    b.at_ns += S / 200;
    assert_true(isnan(sight_difference(&a, &b).others_cpu_ratio));
    assert_true(isnan(sight_difference(&a, &b).others_io_bytes_per_s));
    b.at_ns = a.at_ns + SIGHT_OTHERS_NS_MIN;
    near(sight_difference(&a, &b).others_cpu_ratio, 0.05);
    near(sight_difference(&a, &b).others_io_bytes_per_s, 5000000);
}

static void full_pressure_is_known_where_the_kernel_has_it(void **state)
{
    (void)state;
    struct sight a = at(10);
    struct sight b = at(11);
    a.pressure.present[PRESSURE_IO] = b.pressure.present[PRESSURE_IO] = true;
    b.pressure.some_us[PRESSURE_IO] = 500000;
    near(sight_difference(&a, &b).io_pressure_ratio, 0.5);
    assert_true(isnan(sight_difference(&a, &b).io_pressure_full_ratio));
    a.pressure.has_full[PRESSURE_IO] = b.pressure.has_full[PRESSURE_IO] = true;
    b.pressure.full_us[PRESSURE_IO] = 250000;
    near(sight_difference(&a, &b).io_pressure_full_ratio, 0.25);
    b.pressure.some_us[PRESSURE_IO] = 1000100; /* read a little later than the clock */
    near(sight_difference(&a, &b).io_pressure_ratio, 1);
    assert_true(isnan(sight_difference(&a, &b).cpu_pressure_ratio));
}

static void quotas_count_where_they_can_be_seen(void **state)
{
    (void)state;
    struct sight a = at(10);
    struct sight b = at(12);
    b.throttle.throttled_ns = S;
    assert_true(isnan(sight_difference(&a, &b).throttled_ratio));
    a.throttled_known = b.throttled_known = true;
    near(sight_difference(&a, &b).throttled_ratio, 0.5);
    b.throttle.throttled_ns = 3 * S; /* of two CPUs together */
    near(sight_difference(&a, &b).throttled_ratio, 1);
    assert_true(isnan(sight_difference(&b, &b).steal_ratio)); /* no time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_ours_is_the_others),
        cmocka_unit_test(their_io_is_what_the_disks_did_less_ours),
        cmocka_unit_test(of_a_moment_no_rate_of_others_is_told),
        cmocka_unit_test(full_pressure_is_known_where_the_kernel_has_it),
        cmocka_unit_test(quotas_count_where_they_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
