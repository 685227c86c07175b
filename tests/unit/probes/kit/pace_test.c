#include "probes/kit/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void slots_are_due_at_equal_intervals(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 1000, 10);
    for (uint64_t k = 0; k < 100; k++) {
        assert_int_equal(pace_due_ns(&p), 1000 + 10 * k);
        assert_int_equal(pace_take(&p, 1000 + 10 * k), 1000 + 10 * k);
    }
    assert_int_equal(p.taken, 100);
    assert_int_equal(p.missed, 0);
    assert_int_equal(p.late_max_ns, 0);
    assert_true(pace_late_mean_ns(&p) == 0);
}

static void lateness_does_not_move_the_schedule(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0, 10);
    assert_int_equal(pace_take(&p, 3), 0);
    assert_int_equal(pace_take(&p, 19), 10);
    assert_int_equal(pace_due_ns(&p), 20);
    assert_int_equal(p.missed, 0);
    assert_int_equal(p.late_max_ns, 9);
    assert_true(pace_late_mean_ns(&p) == 6);
}

static void stall_is_missed_slots_and_never_a_burst(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0, 10);
    assert_int_equal(pace_take(&p, 0), 0);
    assert_int_equal(pace_take(&p, 57), 50);
    assert_int_equal(p.missed, 4);
    assert_int_equal(p.late_max_ns, 7);
    assert_int_equal(pace_due_ns(&p), 60);
    assert_int_equal(p.taken, 2);
}

static void slot_late_by_a_whole_interval_gives_way_to_the_next(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0, 10);
    assert_int_equal(pace_take(&p, 10), 10);
    assert_int_equal(p.missed, 1);
    assert_int_equal(p.late_max_ns, 0);
}

static void every_slot_is_taken_or_missed(void **state)
{
    (void)state;
    struct pace p;
    uint64_t now = 5;
    pace_init(&p, 5, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        now = pace_due_ns(&p) > now ? pace_due_ns(&p) : now;
        uint64_t intended = pace_take(&p, now);
        assert_true(intended <= now && now - intended < 7);
        assert_int_equal(p.taken + p.missed, p.slot);
        now += i * i % 31;
    }
}

static void time_before_the_slot_is_not_late(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 100, 10);
    assert_int_equal(pace_take(&p, 40), 100);
    assert_int_equal(p.late_max_ns, 0);
}

static void interval_of_zero_divides_nothing(void **state)
{
    (void)state;
    struct pace p;
    pace_init(&p, 0, 0);
    assert_true(pace_late_mean_ns(&p) == 0);
    assert_int_equal(pace_take(&p, 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_due_at_equal_intervals),
        cmocka_unit_test(lateness_does_not_move_the_schedule),
        cmocka_unit_test(stall_is_missed_slots_and_never_a_burst),
        cmocka_unit_test(slot_late_by_a_whole_interval_gives_way_to_the_next),
        cmocka_unit_test(every_slot_is_taken_or_missed),
        cmocka_unit_test(time_before_the_slot_is_not_late),
        cmocka_unit_test(interval_of_zero_divides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
