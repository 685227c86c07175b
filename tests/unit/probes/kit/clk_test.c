#include "probes/kit/clk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void timespec_is_the_inverse_of_nanoseconds(void **state)
{
    (void)state;
    static const uint64_t all[] = { 0, 1, 999999999, 1000000000, 1000000001, 5123456789012345678 };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct timespec t = clk_timespec(all[i]);
        assert_true(t.tv_nsec >= 0 && t.tv_nsec < CLK_NS_PER_S);
        assert_int_equal(clk_of_timespec(t), all[i]);
    }
    assert_int_equal(clk_timespec(3000000007).tv_sec, 3);
    assert_int_equal(clk_timespec(3000000007).tv_nsec, 7);
}

static void monotonic_clock_never_runs_backwards(void **state)
{
    (void)state;
    uint64_t last_ns = clk_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = clk_now_ns();
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

static void realtime_is_after_this_file_was_written(void **state)
{
    (void)state;
    /* 2026-01-01T00:00:00Z */
    assert_true(clk_realtime_ns() > UINT64_C(1767225600) * CLK_NS_PER_S);
}

static void thread_cpu_time_is_part_of_the_process(void **state)
{
    (void)state;
    uint64_t thread_ns = clk_thread_cpu_ns();
    uint64_t process_ns = clk_process_cpu_ns();
    assert_true(thread_ns > 0);
    assert_true(process_ns >= thread_ns);
}

static void cost_of_a_reading_is_never_zero(void **state)
{
    (void)state;
    assert_true(clk_cost_ns() > 0);
}

static void sleep_until_the_past_returns_at_once(void **state)
{
    (void)state;
    assert_int_equal(clk_sleep_until(1), 0);
    assert_int_equal(clk_sleep_until(clk_now_ns()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timespec_is_the_inverse_of_nanoseconds),
        cmocka_unit_test(monotonic_clock_never_runs_backwards),
        cmocka_unit_test(realtime_is_after_this_file_was_written),
        cmocka_unit_test(thread_cpu_time_is_part_of_the_process),
        cmocka_unit_test(cost_of_a_reading_is_never_zero),
        cmocka_unit_test(sleep_until_the_past_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
