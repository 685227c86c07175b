#include "probes/kit/tick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "probes/kit/clk.h"

static const struct metric no_metrics[] = { METRIC_END };

static void the_plain_clock_is_the_monotonic_one(void **state)
{
    (void)state;
    struct tick t = tick_clock;
    uint64_t before_ns = clk_now_ns();
    uint64_t now_ns = tick_now_ns(&t);
    assert_true(now_ns >= before_ns && now_ns <= clk_now_ns());
    tick_align(&t);
    assert_false(tick_drifted(&t));
    assert_int_equal(t.sleep_until(1), 0);
}

static void the_counter_is_used_only_where_the_kernel_trusts_it(void **state)
{
    (void)state;
    static const char *const others[] = { "kvm-clock", "hpet", "acpi_pm", "arch_sys_counter", "" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct tick t;
        tick_open_as(&t, others[i]);
        assert_false(t.counting);
        assert_non_null(t.refusal);
        assert_true(t.clock_cost_ns > 0);
        assert_int_equal(tick_cost_ns(&t) >= (uint64_t)t.clock_cost_ns, 1);
    }
}

static void the_counter_is_used_where_it_is_cheaper(void **state)
{
    (void)state;
    struct tick t;
    tick_open_as(&t, "tsc");
    assert_int_equal(t.counting, counter_steady() && t.counter_cost_ns < t.clock_cost_ns);
    assert_int_equal(t.counting, t.refusal == NULL);
}

/* As if it had been calibrated: one count is rate ns, wrongly so by that many ppm. */
static bool made(struct tick *t, double wrong_ppm)
{
    *t = tick_clock;
    tick_open_as(t, "tsc");
    if (!counter_steady())
        return false;
    t->counting = true;
    t->refusal = NULL;
    t->counter_cost_ns = 18.6;
    t->drift_ppm = 0;
    double true_factor = (double)t->factor;
    t->factor = (uint64_t)(true_factor * (1 + wrong_ppm * 1e-6));
    /* A second ago, by both; the same again is the opening. */
    uint64_t counts = (uint64_t)(0x1p32 * CLK_NS_PER_S / true_factor);
    t->last.count -= counts;
    t->last.ns -= CLK_NS_PER_S;
    t->first = t->last;
    return true;
}

static void a_sound_counter_agrees_with_the_clock(void **state)
{
    (void)state;
    struct tick t;
    if (!made(&t, 0))
        skip();
    uint64_t ticked_ns = tick_now_ns(&t);
    uint64_t clock_ns = clk_now_ns();
    uint64_t apart_ns = ticked_ns > clock_ns ? ticked_ns - clock_ns : clock_ns - ticked_ns;
    assert_true(apart_ns < 100 * (uint64_t)CLK_NS_PER_MS);
    tick_align(&t);
    assert_true(t.drift_ppm > -500 && t.drift_ppm < 500);
    assert_false(tick_drifted(&t));
}

static void a_counter_that_drifts_is_found_set_right_and_distrusted(void **state)
{
    (void)state;
    static const double wrong[] = { 5000, -5000 };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tick t;
        struct result r = { 0 };
        struct err e;
        if (!made(&t, wrong[i]))
            skip();
        tick_align(&t);
        assert_true(t.drift_ppm * wrong[i] > 0);
        assert_true(tick_drifted(&t));
        double worst_ppm = t.drift_ppm;
        t.last.ns -= CLK_NS_PER_S; /* and again, now that it is right: the worst is kept */
        t.last.count -= (uint64_t)(0x1p32 * CLK_NS_PER_S / (double)t.factor);
        tick_align(&t);
        assert_true(t.drift_ppm == worst_ppm);
        assert_int_equal(result_open(&r, "disk.read", "x", no_metrics, &e), 0);
        tick_tell(&t, &r);
        assert_int_equal(r.status, STATUS_UNTRUSTED);
        assert_non_null(strstr(r.reason, "ppm off CLOCK_MONOTONIC"));
        result_release(&r);
    }
}

static void what_was_read_and_what_it_cost_is_in_the_result(void **state)
{
    (void)state;
    struct tick t = tick_clock;
    struct result r = { 0 };
    struct err e;
    t.clock_cost_ns = 26.6;
    t.counter_cost_ns = 18.6;
    t.refusal = "the kernel does not keep time by the time stamp counter";
    assert_int_equal(result_open(&r, "disk.read", "x", no_metrics, &e), 0);
    r.parameters = r.parameters ? r.parameters : json_object();
    tick_tell(&t, &r);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_string_equal(r.notes[0],
                        "Clock: clock_gettime, 27 ns a reading, because the kernel does "
                        "not keep time by the time stamp counter.");
    assert_string_equal(json_string_value(json_object_get(r.parameters, "clock")), "clock_gettime");
    assert_true(json_real_value(json_object_get(r.parameters, "tsc_cost_ns")) == 18.6);
    assert_null(json_object_get(r.parameters, "clock_drift_ppm"));
    t.counting = true;
    t.drift_ppm = -3.24;
    tick_tell(&t, &r);
    assert_string_equal(r.notes[1], "Clock: the time stamp counter, 19 ns a reading (clock_gettime "
                                    "27 ns); off CLOCK_MONOTONIC by 3.2 ppm at most.");
    assert_true(json_real_value(json_object_get(r.parameters, "clock_drift_ppm")) == -3.24);
    assert_int_equal(r.status, STATUS_MEASURED);
    result_release(&r);
}

static void scaling_keeps_the_whole_product(void **state)
{
    (void)state;
    if (!counter_steady())
        skip();
    assert_int_equal(counter_scale(UINT64_C(1) << 40, UINT64_C(1) << 32), UINT64_C(1) << 40);
    assert_int_equal(counter_scale(3, UINT64_C(1) << 31), 1);
    assert_int_equal(counter_scale(UINT64_C(1) << 62, UINT64_C(3) << 30), UINT64_C(3) << 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_clock_is_the_monotonic_one),
        cmocka_unit_test(the_counter_is_used_only_where_the_kernel_trusts_it),
        cmocka_unit_test(the_counter_is_used_where_it_is_cheaper),
        cmocka_unit_test(a_sound_counter_agrees_with_the_clock),
        cmocka_unit_test(a_counter_that_drifts_is_found_set_right_and_distrusted),
        cmocka_unit_test(what_was_read_and_what_it_cost_is_in_the_result),
        cmocka_unit_test(scaling_keeps_the_whole_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
