#include "probes/host/attempt.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

static const volatile sig_atomic_t going = 0;
static const volatile sig_atomic_t stopped = 1;

static int succeed(struct attempt *a, struct err *e)
{
    (void)e;
    (void)snprintf(a->remark, sizeof a->remark, "with %s", (const char *)a->arg);
    return 0;
}

static int refuse(struct attempt *a, struct err *e)
{
    (void)a;
    return err_set(e, ERR_DENIED, EPERM, "do it");
}

static int crash(struct attempt *a, struct err *e)
{
    (void)a;
    (void)e;
    (void)raise(SIGKILL);
    return 0;
}

static int hang(struct attempt *a, struct err *e)
{
    (void)a;
    (void)e;
    return pause();
}

static void a_success_comes_with_its_remark(void **state)
{
    (void)state;
    struct attempt a = { .arg = "care" };
    struct err e = { 0 };
    assert_int_equal(attempt_run(&a, succeed, 10 * (uint64_t)CLK_NS_PER_S, &going, &e), 0);
    assert_string_equal(a.remark, "with care");
}

static void a_refusal_comes_with_its_reason(void **state)
{
    (void)state;
    struct attempt a = { 0 };
    struct err e = { 0 };
    assert_int_equal(attempt_run(&a, refuse, 10 * (uint64_t)CLK_NS_PER_S, &going, &e), -1);
    assert_int_equal(e.kind, ERR_DENIED);
    assert_string_equal(e.msg, "do it: Operation not permitted");
}

static void a_crash_costs_only_itself(void **state)
{
    (void)state;
    struct attempt a = { 0 };
    struct err e = { 0 };
    assert_int_equal(attempt_run(&a, crash, 10 * (uint64_t)CLK_NS_PER_S, &going, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
}

static void a_hang_ends_at_its_deadline(void **state)
{
    (void)state;
    struct attempt a = { 0 };
    struct err e = { 0 };
    assert_int_equal(attempt_run(&a, hang, CLK_NS_PER_MS, &going, &e), -1);
    assert_int_equal(e.kind, ERR_TIMEOUT);
}

static void a_stop_ends_it_at_once(void **state)
{
    (void)state;
    struct attempt a = { 0 };
    struct err e = { 0 };
    assert_int_equal(attempt_run(&a, hang, 10 * (uint64_t)CLK_NS_PER_S, &stopped, &e), -1);
    assert_int_equal(e.kind, ERR_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_comes_with_its_remark),
        cmocka_unit_test(a_refusal_comes_with_its_reason),
        cmocka_unit_test(a_crash_costs_only_itself),
        cmocka_unit_test(a_hang_ends_at_its_deadline),
        cmocka_unit_test(a_stop_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
