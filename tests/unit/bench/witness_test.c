#include "bench/witness.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bench/stop.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

static int install(void **state)
{
    (void)state;
    stop_install(); /* a dead witness is no SIGPIPE */
    return 0;
}

static void assert_no_child(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void assert_blind(const struct witnessed *seen)
{
    assert_true(isnan(seen->steal_ratio));
    assert_true(isnan(seen->clock_step_ns));
    assert_true(isnan(seen->stall_max_ns));
    assert_true(isnan(seen->throttled_ratio));
}

static void marks_and_the_result_come_from_the_child(void **state)
{
    (void)state;
    struct witness w = WITNESS_NONE;
    struct witnessed seen;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    uint64_t start = clk_now_ns();
    assert_int_equal(witness_start(&w, start, &e), 0);
    for (unsigned i = 0; i < 1000; i++) {
        witness_mark(&w, &seen);
        assert_true(!isnan(seen.clock_step_ns));
        assert_true(!isnan(seen.stall_max_ns));
        if (seen.stall_max_ns > 0) /* a sampler has woken */
            break;
        (void)poll(NULL, 0, 5);
    }
    assert_int_equal(witness_finish(&w, &r, &e), 0);
    assert_string_equal(r.probe, "witness");
    const struct result_metric *stall = result_metric_find(&r, "witness.stall");
    assert_non_null(stall);
    assert_true(stall->n > 0);
    assert_true(stall->block_count >= 1);
    assert_true(stall->observed_ns <= clk_now_ns() - start);
    assert_no_child();
}

static void a_witness_that_dies_blinds_and_costs_no_more(void **state)
{
    (void)state;
    struct witness w = WITNESS_NONE;
    struct witnessed seen;
    struct err e = { 0 };
    struct result r = { 0 };
    assert_int_equal(witness_start(&w, clk_now_ns(), &e), 0);
    assert_int_equal(kill(w.pid, SIGKILL), 0);
    witness_mark(&w, &seen);
    assert_blind(&seen);
    assert_no_child();
    witness_mark(&w, &seen);
    assert_blind(&seen);
    assert_int_equal(witness_finish(&w, &r, &e), -1);
    assert_string_equal(r.probe, "");
}

static void interrupts_meant_for_the_run_do_not_end_it(void **state)
{
    (void)state;
    struct witness w = WITNESS_NONE;
    struct witnessed seen;
    struct err e = { 0 };
    assert_int_equal(witness_start(&w, clk_now_ns(), &e), 0);
    witness_mark(&w, &seen); /* it lives */
    assert_int_equal(kill(w.pid, SIGINT), 0);
    assert_int_equal(kill(w.pid, SIGTERM), 0);
    witness_mark(&w, &seen);
    assert_true(!isnan(seen.clock_step_ns));
    witness_release(&w);
    witness_release(&w);
    assert_no_child();
}

static void without_a_witness_all_is_unknown(void **state)
{
    (void)state;
    struct witness w = WITNESS_NONE;
    struct witnessed seen;
    struct err e = { 0 };
    struct result r = { 0 };
    witness_mark(&w, &seen);
    assert_blind(&seen);
    assert_int_equal(witness_finish(&w, &r, &e), -1);
    assert_non_null(strstr(e.msg, "no witness"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_and_the_result_come_from_the_child),
        cmocka_unit_test(a_witness_that_dies_blinds_and_costs_no_more),
        cmocka_unit_test(interrupts_meant_for_the_run_do_not_end_it),
        cmocka_unit_test(without_a_witness_all_is_unknown),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
