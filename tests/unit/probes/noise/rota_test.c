#include "probes/noise/rota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint32_t four[] = { 0, 1, 4, 5 };

static void each_has_its_turn_and_the_seed_says_who_is_first(void **state)
{
    (void)state;
    struct rota r;
    rota_init(&r, four, 4, 6);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(rota_take(&r), (2 + i) % 4);
}

static void one_cpu_is_always_next(void **state)
{
    (void)state;
    struct rota r;
    rota_init(&r, four, 1, UINT64_MAX);
    assert_int_equal(rota_take(&r), 0);
    assert_int_equal(rota_take(&r), 0);
}

static unsigned turns(unsigned cpus, uint64_t spin_ms, uint64_t repetitions)
{
    struct rota r = { .count = cpus };
    return rota_turns(&r, spin_ms * 1000000, repetitions);
}

static void few_long_turns_where_all_come_by(void **state)
{
    (void)state;
    assert_int_equal(turns(1, 250, 4), 1);
    assert_int_equal(turns(2, 250, 4), 1);
    assert_int_equal(turns(8, 250, 4), 2);
    assert_int_equal(turns(9, 250, 4), 3);
}

static void no_turn_is_too_short(void **state)
{
    (void)state;
    assert_int_equal(turns(256, 250, 4), 12);
    assert_int_equal(turns(256, 1000, 4), 50);
    assert_int_equal(turns(256, 10, 4), 1);
    assert_int_equal(turns(4, 250, 0), 4); /* a slot below one repetition */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_turn_and_the_seed_says_who_is_first),
        cmocka_unit_test(one_cpu_is_always_next),
        cmocka_unit_test(few_long_turns_where_all_come_by),
        cmocka_unit_test(no_turn_is_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
