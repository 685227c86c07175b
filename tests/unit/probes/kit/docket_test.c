#include "probes/kit/docket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static const struct cause_host reports = { .is_virtual = true,
                                           .reports_steal = true,
                                           .tick_ns = 10 * MS };
static const struct cause_host hides = { .is_virtual = true, .tick_ns = 10 * MS };

/* What the made-up host has counted so far, exactly; a glimpse cuts it to ticks. */
static struct {
    uint64_t now_ns, steal_ns, busy_ns, idle_ns, throttled_ns, throttles;
} host;

static void look(struct docket *d)
{
    struct glimpse *g = docket_next(d);
    g->at_ns = g->until_ns = host.now_ns;
    g->throttled_known = true;
    g->throttle = (struct throttle_now){ host.throttled_ns, host.throttles };
    for (uint32_t i = 0; i < g->room; i++) {
        g->cpus[i] = (struct glimpse_cpu){ .present = true,
                                           .steal_ns = host.steal_ns / (10 * MS) * (10 * MS),
                                           .busy_ns = host.busy_ns / (10 * MS) * (10 * MS),
                                           .idle_ns = host.idle_ns / (10 * MS) * (10 * MS) };
        g->all.busy_ns = g->cpus[i].busy_ns;
    }
    g->all.present = true;
    docket_seen(d);
}

static struct docket *opened(const struct cause_host *h)
{
    struct err e;
    memset(&host, 0, sizeof host);
    host.now_ns = 1000 * MS;
    struct docket *d = docket_open(2, h, 25 * MS, &e);
    assert_non_null(d);
    look(d);
    return d;
}

/* Idle time, with a look every 50 ms. */
static void pass(struct docket *d, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        host.now_ns += MS;
        host.idle_ns += MS;
        if (host.now_ns % (50 * MS) == 0)
            look(d);
    }
}

static struct episode episode(uint64_t ms, uint64_t queued_ms)
{
    return (struct episode){ .at_ns = host.now_ns,
                             .length_ns = ms * MS,
                             .queued_ns = queued_ms * MS,
                             .cpu = 1,
                             .count = 1,
                             .queued_known = true };
}

static void an_episode_waits_for_the_glimpse_that_closes_it(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    pass(d, 35);
    struct episode e = episode(40, 0);
    host.now_ns += 40 * MS;
    docket_add(d, &e);
    pass(d, 20);
    assert_int_equal(docket_pending_ns(d), e.at_ns + e.length_ns);
    look(d); /* 19 ms behind its end would be too early */
    assert_int_equal(docket_blame(d, INQUEST_ALL)->count[CAUSE_UNREPORTED], 1);
    assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_UNREPORTED], 40 * MS);
    assert_int_equal(docket_blame(d, 0)->lost_ns[CAUSE_UNREPORTED], 0);
    assert_int_equal(docket_blame(d, 77)->lost_ns[CAUSE_UNREPORTED], 0);
    assert_int_equal(docket_pending_ns(d), 0);
    docket_free(d);
}

static void a_glimpse_too_near_the_end_does_not_close_it(void **state)
{
    (void)state;
    struct docket *d = opened(&reports);
    pass(d, 35);
    struct episode e = episode(40, 0);
    host.now_ns += 40 * MS;
    docket_add(d, &e);
    host.now_ns += 19 * MS;
    look(d); /* its steal is not counted yet */
    assert_int_equal(docket_pending_ns(d), e.at_ns + e.length_ns);
    host.steal_ns += 40 * MS;
    host.now_ns += 10 * MS;
    look(d);
    assert_int_equal(docket_blame(d, INQUEST_ALL)->lost_ns[CAUSE_HYPERVISOR], 40 * MS);
    docket_free(d);
}

static void steal(struct docket *d, unsigned thefts, uint64_t told_of_4ms)
{
    for (unsigned i = 0; i < thefts; i++) {
        pass(d, 36);
        struct episode e = episode(4, 0);
        for (unsigned k = 0; k < 4; k++) {
            host.now_ns += MS;
            if (host.now_ns % (50 * MS) == 0)
                look(d);
        }
        host.steal_ns += told_of_4ms * MS;
        docket_add(d, &e);
    }
    docket_close(d);
}

static void thefts_of_4_ms_in_ticks_of_10_are_told_from_hidden_ones(void **state)
{
    (void)state;
    struct docket *d = opened(&reports);
    steal(d, 250, 4);
    const struct inquest_blame *b = docket_blame(d, INQUEST_ALL);
    assert_true(b->lost_ns[CAUSE_HYPERVISOR] >= 980 * MS);
    assert_int_equal(b->lost_ns[CAUSE_UNREPORTED], 0);
    docket_free(d);
    d = opened(&reports);
    steal(d, 250, 0);
    b = docket_blame(d, INQUEST_ALL);
    assert_true(b->lost_ns[CAUSE_UNREPORTED] >= 980 * MS);
    assert_int_equal(b->lost_ns[CAUSE_HYPERVISOR], 0);
    docket_free(d);
}

static void half_of_what_is_stolen_may_be_told(void **state)
{
    (void)state;
    struct docket *d = opened(&reports);
    steal(d, 250, 2);
    const struct inquest_blame *b = docket_blame(d, INQUEST_ALL);
    assert_in_range(b->lost_ns[CAUSE_HYPERVISOR], 450 * MS, 600 * MS);
    assert_in_range(b->lost_ns[CAUSE_UNREPORTED], 400 * MS, 550 * MS);
    docket_free(d);
}

static void a_wait_beside_a_throttle_is_not_the_quota(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    pass(d, 10);
    struct episode throttled = episode(30, 30);
    host.now_ns += 30 * MS;
    host.idle_ns += 30 * MS;
    host.throttled_ns += 30 * MS;
    host.throttles++;
    struct episode waited = episode(22, 22);
    host.now_ns += 22 * MS;
    host.busy_ns += 22 * MS;
    docket_add(d, &throttled);
    docket_add(d, &waited);
    pass(d, 100);
    const struct inquest_blame *b = docket_blame(d, 1);
    assert_int_equal(b->lost_ns[CAUSE_QUOTA], 30 * MS);
    assert_int_equal(b->count[CAUSE_QUOTA], 1);
    assert_int_equal(b->lost_ns[CAUSE_OTHERS], 22 * MS);
    docket_free(d);
}

static void the_longest_are_kept_longest_first(void **state)
{
    (void)state;
    struct inquest_case cases[INQUEST_CASES + 1];
    struct docket *d = opened(&hides);
    for (unsigned i = 0; i < 300; i++) {
        struct episode e = episode(21 + (i * 37) % 300, 0);
        host.now_ns += e.length_ns;
        docket_add(d, &e);
        pass(d, 50);
    }
    docket_close(d);
    assert_int_equal(docket_worst(d, cases, INQUEST_CASES + 1), INQUEST_CASES);
    for (unsigned i = 0; i < INQUEST_CASES; i++) {
        assert_int_equal(cases[i].episode.length_ns, (320 - i) * MS);
        assert_int_equal(cases[i].main, CAUSE_UNREPORTED);
    }
    assert_int_equal(docket_worst(d, cases, 2), 2);
    docket_free(d);
}

static void more_than_can_be_kept_is_counted_as_unknown(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    for (unsigned i = 0; i < 5000; i++) {
        struct episode e = episode(30, 0);
        docket_add(d, &e);
    }
    assert_int_equal(docket_crowded(d), 5000 - 4096);
    assert_int_equal(docket_blame(d, 1)->count[CAUSE_UNKNOWN], 5000 - 4096);
    host.now_ns += 100 * MS;
    look(d);
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < CAUSES; i++)
        sum_ns += docket_blame(d, INQUEST_ALL)->lost_ns[i];
    assert_int_equal(sum_ns, 5000 * 30 * MS);
    struct episode e = episode(30, 0);
    docket_add(d, &e); /* and there is room again */
    assert_int_equal(docket_crowded(d), 5000 - 4096);
    docket_free(d);
}

static void what_is_left_is_settled_at_the_end_by_what_there_is(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    struct episode e = episode(3, 3);
    docket_add(d, &e);
    docket_close(d); /* one glimpse alone */
    assert_int_equal(docket_pending_ns(d), 0);
    struct episode far = { .at_ns = 1, .length_ns = 30 * MS, .cpu = 9, .count = 1 };
    docket_add(d, &far); /* before the first glimpse, on a CPU that nobody knows */
    docket_close(d);
    assert_int_equal(docket_blame(d, INQUEST_ALL)->lost_ns[CAUSE_UNKNOWN], 30 * MS);
    docket_free(d);
}

static void an_episode_longer_than_all_looks_is_settled(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    struct episode e = episode(60000, 0);
    e.sleeps = 1;
    pass(d, 60000);
    docket_add(d, &e);
    pass(d, 100);
    assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_HALTED], 60000 * MS);
    assert_int_equal(docket_blame(d, 1)->observed_ns, 60100 * MS);
    assert_true(docket_blame(d, 1)->missed[CAUSE_HALTED] == 1 + 60000 / 25);
    assert_int_equal(docket_blame(d, INQUEST_ALL)->observed_ns, 2 * 60100 * MS);
    docket_free(d);
}

static void what_began_before_the_oldest_look_accuses_no_hypervisor(void **state)
{
    (void)state;
    struct docket *d = opened(&reports);
    pass(d, 1000);
    struct episode e = episode(5000, 0);
    for (unsigned i = 0; i < 100; i++) { /* the CPU is stolen whole, and that is reported */
        host.now_ns += 50 * MS;
        host.steal_ns += 50 * MS;
        look(d);
    }
    docket_add(d, &e);
    pass(d, 100);
    const struct inquest_blame *b = docket_blame(d, 1);
    assert_int_equal(b->lost_ns[CAUSE_UNREPORTED], 0);
    assert_true(b->lost_ns[CAUSE_HYPERVISOR] >= 3000 * MS);
    docket_free(d);
}

static void who_is_stopped_beside_a_thread_that_knows_it_was_stopped_too(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    pass(d, 10);
    struct episode knows = episode(150, 0);
    knows.cpu = 0;
    knows.sleeps = 1;
    struct episode guesses = episode(149, 2);
    struct episode apart = episode(25, 0);
    apart.at_ns += 160 * MS;
    host.now_ns += 190 * MS;
    docket_add(d, &guesses);
    docket_add(d, &knows);
    docket_add(d, &apart);
    pass(d, 100);
    assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_HALTED], 149 * MS);
    assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_UNREPORTED], 25 * MS);
    docket_free(d);
}

static void who_is_late_while_the_one_that_looks_was_stopped_was_stopped_too(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    for (unsigned before = 0; before < 2; before++) {
        pass(d, 100);
        if (!before)
            docket_halted(d, host.now_ns - 10 * MS, host.now_ns + 45 * MS);
        struct episode e = episode(40, 0);
        host.now_ns += 40 * MS;
        docket_add(d, &e);
        pass(d, 200);
        /* The second came long after, and is not excused. */
        assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_HALTED], 40 * MS);
        assert_int_equal(docket_blame(d, 1)->lost_ns[CAUSE_UNREPORTED], before * 40 * MS);
    }
    docket_free(d);
}

static void short_gaps_are_set_against_their_turn(void **state)
{
    (void)state;
    struct docket *d = opened(&hides);
    struct episode e = episode(5, 0);
    e.count = 400;
    e.span_ns = 250 * MS;
    docket_add(d, &e);
    pass(d, 250);
    assert_true(docket_pending_ns(d) > 0);
    pass(d, 50);
    assert_int_equal(docket_blame(d, 1)->count[CAUSE_UNKNOWN], 400);
    docket_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_episode_waits_for_the_glimpse_that_closes_it),
        cmocka_unit_test(a_glimpse_too_near_the_end_does_not_close_it),
        cmocka_unit_test(thefts_of_4_ms_in_ticks_of_10_are_told_from_hidden_ones),
        cmocka_unit_test(half_of_what_is_stolen_may_be_told),
        cmocka_unit_test(a_wait_beside_a_throttle_is_not_the_quota),
        cmocka_unit_test(the_longest_are_kept_longest_first),
        cmocka_unit_test(more_than_can_be_kept_is_counted_as_unknown),
        cmocka_unit_test(what_is_left_is_settled_at_the_end_by_what_there_is),
        cmocka_unit_test(an_episode_longer_than_all_looks_is_settled),
        cmocka_unit_test(what_began_before_the_oldest_look_accuses_no_hypervisor),
        cmocka_unit_test(who_is_stopped_beside_a_thread_that_knows_it_was_stopped_too),
        cmocka_unit_test(who_is_late_while_the_one_that_looks_was_stopped_was_stopped_too),
        cmocka_unit_test(short_gaps_are_set_against_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
