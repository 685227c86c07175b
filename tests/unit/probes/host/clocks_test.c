#include "probes/host/clocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static const uint64_t minute_ns = UINT64_C(60) * CLK_NS_PER_S;

static void uptimes_are_parsed(void **state)
{
    (void)state;
    uint64_t ns = 0;
    assert_int_equal(clocks_parse_uptime("86400.25 171000.11", &ns), 0);
    assert_int_equal(ns, UINT64_C(86400250000000));
    assert_int_equal(clocks_parse_uptime("", &ns), -1);
    assert_int_equal(clocks_parse_uptime("-5.0 1.0", &ns), -1);
    assert_int_equal(clocks_parse_uptime("nan 1.0", &ns), -1);
    assert_int_equal(clocks_parse_uptime("1e300 1.0", &ns), -1);
}

static void check(enum clocks_sync sync, uint64_t uptime_ns, const char *daemon, const char *value,
                  const char *reason)
{
    struct facts f = { 0 };
    clocks_state_sync(sync, uptime_ns, daemon, &f);
    const struct fact *fact = facts_find(&f, "host.clock.synchronised");
    assert_non_null(fact);
    assert_int_equal(fact->kind, value ? FACT_TEXT : FACT_UNKNOWN);
    if (value)
        assert_string_equal(fact->text, value);
    assert_non_null(strstr(fact->reason, reason));
    facts_release(&f);
}

static void a_synchronised_clock_is_so_at_once(void **state)
{
    (void)state;
    check(CLOCKS_SYNCHRONISED, 0, "chronyd", "yes", "chronyd is running");
    check(CLOCKS_SYNCHRONISED, 0, "", "yes", "no daemon was seen");
}

static void an_unsynchronised_clock_counts_after_17_minutes(void **state)
{
    (void)state;
    check(CLOCKS_UNSYNCHRONISED, 17 * minute_ns - 1, "", NULL, "16 min after boot");
    check(CLOCKS_UNSYNCHRONISED, 17 * minute_ns, "", "no", "17 min after boot");
    check(CLOCKS_UNSYNCHRONISED, 90 * minute_ns, "ntpd", "no", "ntpd is running");
    check(CLOCKS_UNSYNCHRONISED, 90 * minute_ns, "", "no", "install chrony");
}

static void a_kernel_that_does_not_say_leaves_it_unknown(void **state)
{
    (void)state;
    check(CLOCKS_NOT_TOLD, 90 * minute_ns, "", NULL, "adjtimex is refused");
}

static void daemons_are_found_by_name(void **state)
{
    (void)state;
    char name[16];
    struct trees t = trees_open("kvm-debian");
    clocks_find_daemon(t.proc_fd, name);
    assert_string_equal(name, "chronyd");
    trees_close(&t);
    t = trees_open("metal");
    clocks_find_daemon(t.proc_fd, name);
    assert_string_equal(name, "");
    trees_close(&t);
}

static void trees_give_source_and_uptime(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("kvm-debian");
    clocks_state(t.proc_fd, t.sys_fd, CLOCKS_SYNCHRONISED, &f);
    assert_string_equal(facts_find(&f, "host.clock.source")->text, "kvm-clock");
    assert_true(facts_find(&f, "host.uptime")->number == 86400.25e9);
    facts_release(&f);
    trees_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uptimes_are_parsed),
        cmocka_unit_test(a_synchronised_clock_is_so_at_once),
        cmocka_unit_test(an_unsynchronised_clock_counts_after_17_minutes),
        cmocka_unit_test(a_kernel_that_does_not_say_leaves_it_unknown),
        cmocka_unit_test(daemons_are_found_by_name),
        cmocka_unit_test(trees_give_source_and_uptime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
