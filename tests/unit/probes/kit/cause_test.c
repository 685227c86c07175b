#include "probes/kit/cause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

#define MS UINT64_C(1000000)

static const struct cause_host hides = { .is_virtual = true, .tick_ns = 10 * MS };
static const struct cause_host reports = { .is_virtual = true,
                                           .reports_steal = true,
                                           .tick_ns = 10 * MS };
static const struct cause_host metal = { .tick_ns = 10 * MS };

static uint64_t shares[CAUSES];

/* A window that this episode alone spent in, on a CPU that was idle but for what is said. */
static struct cause_window around(const struct episode *e, uint64_t length_ms)
{
    return (struct cause_window){ .length_ns = length_ms * MS,
                                  .lost_ns = e->length_ns,
                                  .lost_queued_ns = e->queued_ns,
                                  .idle_ns = length_ms * MS,
                                  .cpu_known = true,
                                  .throttled_known = true };
}

static struct episode late(uint64_t ms)
{
    return (struct episode){ .length_ns = ms * MS, .count = 1, .queued_known = true };
}

static struct episode queued(uint64_t ms)
{
    return (struct episode){
        .length_ns = ms * MS, .queued_ns = ms * MS, .count = 1, .queued_known = true
    };
}

static void blamed(const struct episode *e, const struct cause_window *w,
                   const struct cause_host *h, enum cause expected, uint64_t least_ns)
{
    uint64_t sum = 0;
    cause_split(e, w, h, shares);
    for (unsigned i = 0; i < CAUSES; i++)
        sum += shares[i];
    assert_int_equal(sum, e->length_ns);
    for (unsigned i = 0; i < CAUSES && shares[expected] < least_ns; i++)
        print_message("%s %lu\n", cause_id((enum cause)i), (unsigned long)shares[i]);
    assert_true(shares[expected] >= least_ns);
    assert_int_equal(cause_main(shares), expected);
}

static void a_sleeper_on_a_busy_cpu_accuses_no_hypervisor_that_reports_nothing(void **state)
{
    (void)state;
    struct episode e = late(4);
    struct cause_window w = around(&e, 1000);
    w.busy_ns = 600 * MS;
    w.idle_ns = 400 * MS;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, e.length_ns);
    e.slept = true;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, e.length_ns);
    w.busy_ns = 100 * MS;
    w.idle_ns = 900 * MS;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, e.length_ns);
    e.vague = true;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, e.length_ns);
}

static void a_loop_that_nobody_replaced_was_not_queued_where_no_queue_is_told(void **state)
{
    (void)state;
    struct episode e = late(40);
    struct cause_window w = around(&e, 100);
    e.queued_known = false;
    w.busy_ns = 60 * MS;
    w.idle_ns = 0;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, e.length_ns);
    e.preempted = 1;
    cause_split(&e, &w, &hides, shares);
    assert_int_equal(shares[CAUSE_UNREPORTED], 0);
}

static void what_waited_in_the_run_queue_behind_a_hog_is_the_others(void **state)
{
    (void)state;
    struct episode e = queued(949);
    struct cause_window w = around(&e, 1100);
    w.busy_ns = 950 * MS;
    w.idle_ns = 150 * MS;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 949 * MS);
    blamed(&e, &w, &reports, CAUSE_OTHERS, 949 * MS);
}

static void a_short_wait_behind_work_that_no_tick_saw_is_the_others_too(void **state)
{
    (void)state;
    struct episode e = queued(3);
    struct cause_window w = around(&e, 1000);
    blamed(&e, &w, &reports, CAUSE_OTHERS, 3 * MS);
    w.irq_ns = 30 * MS; /* 3 % is usual, and says nothing of this wait */
    blamed(&e, &w, &reports, CAUSE_OTHERS, 3 * MS);
}

static void a_late_timer_without_any_column_is_the_hypervisor_that_hides_it(void **state)
{
    (void)state;
    struct episode e = late(40);
    struct cause_window w = around(&e, 150);
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, 40 * MS);
    blamed(&e, &w, &reports, CAUSE_UNREPORTED, 40 * MS); /* it stays 0 while gaps are found */
    blamed(&e, &w, &metal, CAUSE_UNKNOWN, 40 * MS);
}

static void a_late_timer_with_steal_is_the_hypervisor(void **state)
{
    (void)state;
    struct episode e = late(40);
    struct cause_window w = around(&e, 150);
    w.steal_ns = 40 * MS;
    w.idle_ns = 110 * MS;
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 40 * MS);
    w.steal_ns = 30 * MS; /* cut to whole ticks */
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 40 * MS);
    blamed(&e, &w, &hides, CAUSE_HYPERVISOR, 40 * MS); /* the column is believed when it moves */
}

static void thefts_shorter_than_a_tick_add_up_in_the_wide_window(void **state)
{
    (void)state;
    struct episode e = late(4);
    struct cause_window w = around(&e, 1000);
    w.lost_ns = 100 * MS; /* 25 of them */
    w.idle_ns = 900 * MS;
    w.steal_ns = 90 * MS;
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 4 * MS);
    w.steal_ns = 50 * MS; /* half of it is told */
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 2 * MS);
    assert_int_equal(shares[CAUSE_UNREPORTED], 2 * MS);
    w.steal_ns = 0;
    blamed(&e, &w, &reports, CAUSE_UNREPORTED, 4 * MS);
}

static void one_short_theft_may_be_stolen_and_not_counted_yet(void **state)
{
    (void)state;
    struct episode e = late(4);
    struct cause_window w = around(&e, 1000);
    blamed(&e, &w, &reports, CAUSE_UNKNOWN, 4 * MS);
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, 4 * MS);
}

static void two_thieves_at_once_each_get_their_part(void **state)
{
    (void)state;
    /* 30 ms until the timer fired, then 20 ms behind another process. */
    struct episode e = late(50);
    e.queued_ns = 20 * MS;
    struct cause_window w = around(&e, 150);
    w.busy_ns = 20 * MS;
    w.steal_ns = 30 * MS;
    w.idle_ns = 100 * MS;
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 30 * MS);
    assert_int_equal(shares[CAUSE_OTHERS], 20 * MS);
    w.steal_ns = 0;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, 30 * MS);
    assert_int_equal(shares[CAUSE_OTHERS], 20 * MS);
}

static void what_is_stolen_from_a_hog_is_not_the_hog(void **state)
{
    (void)state;
    struct episode e = queued(90); /* the hog ran for 45 of it */
    struct cause_window w = around(&e, 100);
    w.idle_ns = 0;
    w.busy_ns = 50 * MS;
    w.steal_ns = 50 * MS;
    blamed(&e, &w, &reports, CAUSE_OTHERS, 45 * MS);
    assert_in_range(shares[CAUSE_HYPERVISOR], 38 * MS, 45 * MS);
    w.steal_ns = 0; /* the ticks are missing instead */
    w.length_ns = 200 * MS;
    w.busy_ns = 100 * MS;
    cause_split(&e, &w, &hides, shares);
    assert_in_range(shares[CAUSE_UNREPORTED], 30 * MS, 45 * MS);
    cause_split(&e, &w, &metal, shares);
    assert_int_equal(shares[CAUSE_UNREPORTED], 0);
}

static void a_few_missing_ticks_on_an_idle_cpu_accuse_nobody(void **state)
{
    (void)state;
    struct episode e = queued(5);
    struct cause_window w = around(&e, 1000);
    w.busy_ns = 20 * MS;
    w.idle_ns = 800 * MS; /* short work that no tick fell into */
    blamed(&e, &w, &hides, CAUSE_OTHERS, 5 * MS);
}

static void the_quota_explains_what_it_held_back(void **state)
{
    (void)state;
    struct episode e = queued(50);
    struct cause_window w = around(&e, 150);
    w.throttled_ns = 50 * MS;
    w.throttles = 1;
    blamed(&e, &w, &hides, CAUSE_QUOTA, 50 * MS);
    e.queued_ns = 0; /* kernel 6.18: taken out of the queue */
    w.lost_queued_ns = 0;
    blamed(&e, &w, &hides, CAUSE_QUOTA, 50 * MS);
    w.throttled_known = false;
    blamed(&e, &w, &metal, CAUSE_UNKNOWN, 50 * MS);
}

static void a_short_wait_beside_a_long_throttle_is_not_the_quota(void **state)
{
    (void)state;
    struct episode e = queued(2);
    struct cause_window w = around(&e, 100);
    w.lost_ns = 52 * MS;
    w.lost_queued_ns = 52 * MS;
    w.busy_ns = 40 * MS;
    w.idle_ns = 60 * MS;
    w.ahead_ns = 50 * MS;
    w.throttled_ns = 50 * MS;
    w.throttles = 1;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 2 * MS);
}

static void stolen_while_throttled_is_the_quota_and_then_the_hypervisor(void **state)
{
    (void)state;
    struct episode e = late(80); /* 50 in the queue, throttled; 30 late */
    e.queued_ns = 50 * MS;
    struct cause_window w = around(&e, 180);
    w.throttled_ns = 50 * MS;
    w.throttles = 1;
    w.steal_ns = 30 * MS;
    w.idle_ns = 150 * MS;
    blamed(&e, &w, &reports, CAUSE_QUOTA, 50 * MS);
    assert_int_equal(shares[CAUSE_HYPERVISOR], 30 * MS);
    assert_int_equal(shares[CAUSE_OTHERS], 0);
}

static void competition_is_kept_apart_from_the_quota_that_leaves_the_queue(void **state)
{
    (void)state;
    struct episode e = late(60);
    e.queued_ns = 10 * MS; /* kernel 6.18: 50 throttled, then 10 in the queue */
    struct cause_window w = around(&e, 160);
    w.throttled_ns = 50 * MS;
    w.throttles = 1;
    w.busy_ns = 10 * MS;
    w.idle_ns = 150 * MS;
    blamed(&e, &w, &hides, CAUSE_QUOTA, 50 * MS);
    assert_int_equal(shares[CAUSE_OTHERS], 10 * MS);
}

static void who_was_stopped_or_frozen_or_slept_with_the_machine_was_halted(void **state)
{
    (void)state;
    struct episode e = late(300);
    struct cause_window w = around(&e, 400);
    e.sleeps = 1;
    w.steal_ns = 200 * MS; /* meanwhile others may be stolen from */
    blamed(&e, &w, &reports, CAUSE_HALTED, 300 * MS);
    e.sleeps = 0;
    w.suspended_ns = 5000 * MS;
    blamed(&e, &w, &hides, CAUSE_HALTED, 300 * MS);
}

static void interrupts_explain_what_they_fill_and_excuse_what_they_may(void **state)
{
    (void)state;
    struct episode e = late(200);
    struct cause_window w = around(&e, 300);
    w.irq_ns = 220 * MS;
    w.idle_ns = 80 * MS;
    blamed(&e, &w, &hides, CAUSE_INTERRUPTS, 190 * MS);
    assert_int_equal(shares[CAUSE_UNREPORTED], 0);
    struct episode brief = late(20);
    struct cause_window close = around(&brief, 150);
    close.irq_ns = 20 * MS; /* mostly below what can be told, but nobody else's fault either */
    cause_split(&brief, &close, &hides, shares);
    assert_int_equal(shares[CAUSE_UNREPORTED], 0);
    assert_int_equal(shares[CAUSE_HYPERVISOR], 0);
}

static void one_stolen_tick_does_not_make_a_storm_of_interrupts_a_theft(void **state)
{
    (void)state;
    struct episode e = late(4);
    struct cause_window w = around(&e, 1000);
    w.lost_ns = 15 * MS;
    w.steal_ns = 10 * MS;
    w.irq_ns = 400 * MS;
    w.idle_ns = 590 * MS;
    blamed(&e, &w, &reports, CAUSE_INTERRUPTS, 38 * MS / 10);
    w.irq_ns = 0;
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 4 * MS);
}

static void of_what_was_not_seen_whole_nobody_is_accused(void **state)
{
    (void)state;
    struct episode e = late(4000);
    struct cause_window w = around(&e, 3000);
    w.partial = true;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, e.length_ns);
    w.steal_ns = 2900 * MS; /* as much as was seen of it */
    blamed(&e, &w, &reports, CAUSE_HYPERVISOR, 2900 * MS);
    assert_int_equal(shares[CAUSE_UNREPORTED], 0);
}

static void the_interrupts_of_every_day_do_not_excuse_a_theft(void **state)
{
    (void)state;
    struct episode e = late(4);
    struct cause_window w = around(&e, 1000);
    w.irq_ns = 30 * MS;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, 4 * MS);
}

static void our_own_load_is_not_called_others(void **state)
{
    (void)state;
    struct episode e = queued(40);
    struct cause_window w = around(&e, 150);
    w.busy_ns = 140 * MS;
    w.idle_ns = 10 * MS;
    w.all_busy_ns = 280 * MS;
    w.own_known = true;
    w.own_ns = 280 * MS;
    blamed(&e, &w, &hides, CAUSE_OWN, 40 * MS);
    w.own_ns = 70 * MS;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 30 * MS);
    assert_int_equal(shares[CAUSE_OWN], 10 * MS);
    w.own_ns = 500 * MS; /* counted a little later than the CPUs */
    blamed(&e, &w, &hides, CAUSE_OWN, 40 * MS);
    w.all_busy_ns = 0;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 40 * MS);
    w.own_known = false; /* ours is there, and was not counted */
    w.own_hidden = true;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 40 * MS);
}

static void waiting_on_an_idle_cpu_has_a_cause_that_is_not_shown(void **state)
{
    (void)state;
    struct episode e = queued(200); /* a quota above a container whose files are not seen */
    struct cause_window w = around(&e, 300);
    w.throttled_known = false;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 170 * MS);
}

static void without_schedstat_a_busy_cpu_leaves_it_unknown(void **state)
{
    (void)state;
    struct episode e = { .length_ns = 60 * MS, .count = 1, .slept = true };
    struct cause_window w = around(&e, 150);
    w.busy_ns = 60 * MS;
    w.idle_ns = 90 * MS;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 60 * MS);
    w.busy_ns = 0;
    w.idle_ns = 150 * MS;
    blamed(&e, &w, &hides, CAUSE_UNREPORTED, 40 * MS);
}

static void a_cpu_that_came_or_went_is_judged_by_the_thread_alone(void **state)
{
    (void)state;
    struct episode e = late(30);
    e.queued_ns = 20 * MS;
    struct cause_window w = around(&e, 150);
    w.cpu_known = false;
    w.idle_ns = 0;
    w.all_busy_ns = 200 * MS;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 20 * MS);
    assert_int_equal(shares[CAUSE_UNKNOWN], 10 * MS);
    w.all_busy_ns = 0; /* LXCFS: nothing of this container ran, so it was somebody of another */
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 20 * MS);
}

static void short_gaps_are_interrupts_when_there_were_as_many(void **state)
{
    (void)state;
    struct episode e = { .length_ns = 2 * MS, .count = 200, .queued_known = true };
    struct cause_window w = around(&e, 250);
    w.interrupts = 110;
    blamed(&e, &w, &hides, CAUSE_INTERRUPTS, 2 * MS);
    w.interrupts = 90;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 2 * MS);
    w.interrupts = 0;
    blamed(&e, &w, &hides, CAUSE_UNKNOWN, 2 * MS);
    e.queued_ns = 3 * MS / 2;
    blamed(&e, &w, &hides, CAUSE_OTHERS, 3 * MS / 2);
}

static void shares_add_up_whatever_the_counters_say(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 6);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t n[16];
        for (unsigned k = 0; k < 16; k++)
            n[k] = prng_next(&r) >> (prng_next(&r) % 62 + 2);
        struct episode e = { .length_ns = n[0],
                             .queued_ns = n[1],
                             .count = n[2] % 4 == 0 ? 9 : 1,
                             .sleeps = n[2] % 8 == 1,
                             .queued_known = n[2] % 3 != 0 };
        struct cause_window w = { .length_ns = n[3],
                                  .lost_ns = n[4],
                                  .lost_queued_ns = n[5],
                                  .ahead_ns = n[6],
                                  .steal_ns = n[7] >> 8,
                                  .irq_ns = n[8] >> 8,
                                  .busy_ns = n[9] >> 8,
                                  .idle_ns = n[10] >> 8,
                                  .all_busy_ns = n[11],
                                  .own_ns = n[12],
                                  .throttled_ns = n[13],
                                  .throttles = (uint32_t)n[14],
                                  .interrupts = n[15],
                                  .cpu_known = n[2] % 5 != 0,
                                  .own_known = n[2] % 7 != 0,
                                  .throttled_known = n[2] % 2 };
        uint64_t sum = 0;
        cause_split(&e, &w, n[14] % 2 ? &hides : &reports, shares);
        for (unsigned k = 0; k < CAUSES; k++)
            sum += shares[k];
        assert_int_equal(sum, e.length_ns);
    }
}

static void names_are_found_by_their_id(void **state)
{
    (void)state;
    for (int i = 0; i < CAUSES; i++) {
        assert_int_equal(cause_of_id(cause_id((enum cause)i)), i);
        assert_true(strlen(cause_id((enum cause)i)) < CAUSE_ID_BYTES);
        assert_true(strlen(cause_name((enum cause)i)) > 0);
    }
    assert_int_equal(cause_of_id(""), -1);
    assert_int_equal(cause_of_id("hypervisor "), -1);
    memset(shares, 0, sizeof shares);
    assert_int_equal(cause_main(shares), CAUSE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleeper_on_a_busy_cpu_accuses_no_hypervisor_that_reports_nothing),
        cmocka_unit_test(a_loop_that_nobody_replaced_was_not_queued_where_no_queue_is_told),
        cmocka_unit_test(what_waited_in_the_run_queue_behind_a_hog_is_the_others),
        cmocka_unit_test(a_short_wait_behind_work_that_no_tick_saw_is_the_others_too),
        cmocka_unit_test(a_late_timer_without_any_column_is_the_hypervisor_that_hides_it),
        cmocka_unit_test(a_late_timer_with_steal_is_the_hypervisor),
        cmocka_unit_test(thefts_shorter_than_a_tick_add_up_in_the_wide_window),
        cmocka_unit_test(one_short_theft_may_be_stolen_and_not_counted_yet),
        cmocka_unit_test(two_thieves_at_once_each_get_their_part),
        cmocka_unit_test(what_is_stolen_from_a_hog_is_not_the_hog),
        cmocka_unit_test(a_few_missing_ticks_on_an_idle_cpu_accuse_nobody),
        cmocka_unit_test(the_quota_explains_what_it_held_back),
        cmocka_unit_test(a_short_wait_beside_a_long_throttle_is_not_the_quota),
        cmocka_unit_test(stolen_while_throttled_is_the_quota_and_then_the_hypervisor),
        cmocka_unit_test(competition_is_kept_apart_from_the_quota_that_leaves_the_queue),
        cmocka_unit_test(who_was_stopped_or_frozen_or_slept_with_the_machine_was_halted),
        cmocka_unit_test(interrupts_explain_what_they_fill_and_excuse_what_they_may),
        cmocka_unit_test(one_stolen_tick_does_not_make_a_storm_of_interrupts_a_theft),
        cmocka_unit_test(of_what_was_not_seen_whole_nobody_is_accused),
        cmocka_unit_test(the_interrupts_of_every_day_do_not_excuse_a_theft),
        cmocka_unit_test(our_own_load_is_not_called_others),
        cmocka_unit_test(waiting_on_an_idle_cpu_has_a_cause_that_is_not_shown),
        cmocka_unit_test(without_schedstat_a_busy_cpu_leaves_it_unknown),
        cmocka_unit_test(a_cpu_that_came_or_went_is_judged_by_the_thread_alone),
        cmocka_unit_test(short_gaps_are_interrupts_when_there_were_as_many),
        cmocka_unit_test(shares_add_up_whatever_the_counters_say),
        cmocka_unit_test(names_are_found_by_their_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
