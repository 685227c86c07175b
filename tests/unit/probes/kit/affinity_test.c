#include "probes/kit/affinity.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_allowed_cpus_are_listed_ascending(void **state)
{
    uint32_t cpus[64];
    struct err e;
    (void)state;
    int count = affinity_cpus(cpus, 64, &e);
    assert_in_range(count, 1, 64);
    for (int i = 1; i < count; i++)
        assert_true(cpus[i - 1] < cpus[i]);
    assert_int_equal(affinity_cpus(cpus, 1, &e), 1);
    assert_int_equal(affinity_cpus(cpus, 0, &e), 0);
}

static void a_pinned_thread_has_one_cpu_left(void **state)
{
    uint32_t cpus[64];
    uint32_t mine[64];
    struct err e;
    (void)state;
    int count = affinity_cpus(cpus, 64, &e);
    assert_true(count > 0);
    assert_true(affinity_pin(cpus[count - 1]));
    assert_int_equal(affinity_cpus(mine, 64, &e), 1);
    assert_int_equal(mine[0], cpus[count - 1]);
    assert_int_equal(sched_getcpu(), (int)cpus[count - 1]);
}

static void a_cpu_that_is_not_there_refuses(void **state)
{
    (void)state;
    assert_false(affinity_pin(60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_allowed_cpus_are_listed_ascending),
        cmocka_unit_test(a_cpu_that_is_not_there_refuses),
        cmocka_unit_test(a_pinned_thread_has_one_cpu_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
