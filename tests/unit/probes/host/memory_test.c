#include "probes/host/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/probes/host/trees.h"

static void lines_are_in_kibibytes(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    const char *text = "MemTotal:        2014060 kB\nSwapTotal:             0 kB\n";
    assert_int_equal(memory_parse(text, "MemTotal", &bytes), 0);
    assert_int_equal(bytes, UINT64_C(2014060) * 1024);
    assert_int_equal(memory_parse(text, "SwapTotal", &bytes), 0);
    assert_int_equal(bytes, 0);
}

static void what_is_missing_or_malformed_is_refused(void **state)
{
    (void)state;
    uint64_t bytes = 7;
    assert_int_equal(memory_parse("", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: 12 MB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: -1 kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: -18446744073709551615 kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: 99999999999999999999 kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("MemTotal: 18446744073709551615 kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(memory_parse("XMemTotal: 1 kB\n", "MemTotal", &bytes), -1);
    assert_int_equal(bytes, 7);
}

static void a_proc_without_meminfo_is_unknown_with_a_reason(void **state)
{
    (void)state;
    struct facts f = { 0 };
    struct trees t = trees_open("empty");
    memory_state(t.proc_fd, &f);
    assert_int_equal(facts_find(&f, "host.memory")->kind, FACT_UNKNOWN);
    assert_non_null(facts_find(&f, "host.swap")->reason);
    facts_release(&f);
    trees_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_in_kibibytes),
        cmocka_unit_test(what_is_missing_or_malformed_is_refused),
        cmocka_unit_test(a_proc_without_meminfo_is_unknown_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
