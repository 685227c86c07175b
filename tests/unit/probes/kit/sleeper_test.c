#include "probes/kit/sleeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

#define MS UINT64_C(1000000)

static struct episode compare(struct ownsched_now before, struct ownsched_now after,
                              uint64_t woke_ns, uint64_t told_ns)
{
    struct episode e = { 0 };
    const uint64_t times[3] = { 1000 * MS, woke_ns, told_ns };
    sleeper_compare(&before, &after, times, true, &e);
    return e;
}

static void a_late_wake_is_told_with_its_evidence(void **state)
{
    (void)state;
    struct episode e = compare(
        (struct ownsched_now){ .queued_ns = 7 * MS, .voluntary = 40, .queued_known = true },
        (struct ownsched_now){ .queued_ns = 12 * MS, .voluntary = 41, .queued_known = true },
        1006 * MS, 1006 * MS + 3000);
    assert_int_equal(e.at_ns, 1000 * MS);
    assert_int_equal(e.length_ns, 6 * MS);
    assert_int_equal(e.queued_ns, 5 * MS);
    assert_int_equal(e.sleeps, 0);
    assert_int_equal(e.count, 1);
    assert_true(e.queued_known);
}

static void who_slept_more_than_asked_was_stopped(void **state)
{
    (void)state;
    struct ownsched_now before = { .voluntary = 40 };
    struct ownsched_now after = { .voluntary = 42 };
    assert_int_equal(compare(before, after, 1006 * MS, 1006 * MS).sleeps, 1);
    after.voluntary = 43;
    assert_int_equal(compare(before, after, 1006 * MS, 1006 * MS).sleeps, 2);
}

/* The deadline was past before it went to sleep: not one switch, and none too many. */
static void who_did_not_sleep_at_all_was_not_stopped(void **state)
{
    (void)state;
    struct ownsched_now same = { .voluntary = 40 };
    assert_int_equal(compare(same, same, 1006 * MS, 1006 * MS).sleeps, 0);
}

/* What was queued while going to sleep lies before the deadline. */
static void no_more_was_queued_than_it_was_late(void **state)
{
    (void)state;
    struct ownsched_now before = { .queued_known = true };
    struct ownsched_now after = { .queued_ns = 90 * MS, .queued_known = true };
    assert_int_equal(compare(before, after, 1006 * MS, 1006 * MS).queued_ns, 6 * MS);
}

/* Preempted between the wake and the reading: the evidence is of that time too. */
static void a_slow_reading_is_part_of_the_episode(void **state)
{
    (void)state;
    struct ownsched_now before = { .queued_known = true };
    struct ownsched_now after = { .queued_ns = 4 * MS, .queued_known = true };
    struct episode e = compare(before, after, 1006 * MS, 1010 * MS);
    assert_int_equal(e.length_ns, 10 * MS);
    assert_int_equal(e.queued_ns, 4 * MS);
}

static void without_counters_and_with_those_that_run_backwards(void **state)
{
    (void)state;
    struct ownsched_now known = { .queued_ns = 9 * MS, .voluntary = 9, .queued_known = true };
    struct ownsched_now unknown = { 0 };
    assert_false(compare(unknown, known, 1006 * MS, 1006 * MS).queued_known);
    struct episode e = compare(known, unknown, 1006 * MS, 1006 * MS);
    assert_false(e.queued_known);
    assert_int_equal(e.queued_ns, 0);
    assert_int_equal(e.sleeps, 0);
    assert_int_equal(compare(unknown, unknown, 999 * MS, 999 * MS).length_ns, 0);
}

static void who_was_held_up_before_the_sleep_began_is_vague(void **state)
{
    (void)state;
    struct ownsched_now before = { .queued_known = true };
    struct ownsched_now after = { .voluntary = 1, .queued_known = true };
    const uint64_t times[3] = { 1000 * MS, 1050 * MS, 1050 * MS };
    struct episode e;
    sleeper_compare(&before, &after, times, true, &e);
    assert_false(e.vague);
    sleeper_compare(&before, &after, times, false, &e);
    assert_true(e.vague);
    assert_int_equal(e.sleeps, 0);
    after.voluntary = 2;
    sleeper_compare(&before, &after, times, false, &e);
    assert_int_equal(e.sleeps, 1);
}

static void both_ways_to_sleep_wake_up(void **state)
{
    (void)state;
    struct sleeper s;
    sleeper_open(&s);
    uint64_t due_ns = clk_now_ns();
    assert_int_equal(sleeper_until(&s, due_ns), 0);
    assert_int_equal(sleeper_until(&s, 0), 0);
    struct episode e = { 0 };
    sleeper_tell(&s, due_ns, clk_now_ns(), &e);
    assert_int_equal(e.at_ns, due_ns);
    assert_true(e.length_ns > 0);
    assert_true(e.queued_ns <= e.length_ns);
    sleeper_release(&s);
    sleeper_release(&s);
    assert_int_equal(s.timer_fd, -1);
    assert_int_equal(sleeper_until(&s, due_ns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_wake_is_told_with_its_evidence),
        cmocka_unit_test(who_slept_more_than_asked_was_stopped),
        cmocka_unit_test(who_did_not_sleep_at_all_was_not_stopped),
        cmocka_unit_test(no_more_was_queued_than_it_was_late),
        cmocka_unit_test(a_slow_reading_is_part_of_the_episode),
        cmocka_unit_test(without_counters_and_with_those_that_run_backwards),
        cmocka_unit_test(who_was_held_up_before_the_sleep_began_is_vague),
        cmocka_unit_test(both_ways_to_sleep_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
