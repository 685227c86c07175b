#include "probes/kit/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static struct hist open_hist(void)
{
    struct hist h = { 0 };
    struct err e;
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    return h;
}

static void a_sampler_that_never_ran_has_nothing(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct err e;
    struct sampler *s = sampler_open(&(struct sampler_terms){ 0 }, &e);
    assert_non_null(s);
    assert_true(sampler_cpus(s) >= 1);
    sampler_take(s, &h);
    assert_int_equal(h.total, 0);
    assert_int_equal(sampler_take_max(s), 0);
    sampler_free(s);
    sampler_free(NULL);
}

/* Whatever the host does: what was taken in parts is what was sampled, once. */
static void taking_in_parts_loses_and_repeats_nothing(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct err e;
    struct sampler *s = sampler_open(&(struct sampler_terms){ 0 }, &e);
    assert_non_null(s);
    sampler_start(s);
    uint64_t longest = 0;
    while (h.total < 50) {
        sampler_take(s, &h);
        uint64_t max = sampler_take_max(s);
        longest = max > longest ? max : longest;
    }
    sampler_stop(s);
    sampler_take(s, &h);
    sampler_take(s, &h);
    uint64_t total = h.total;
    sampler_take(s, &h);
    assert_int_equal(h.total, total);
    uint64_t max = sampler_take_max(s);
    longest = max > longest ? max : longest;
    assert_int_equal(h.max, longest);
    sampler_start(s); /* and it can be started again */
    while (h.total == total)
        sampler_take(s, &h);
    sampler_free(s); /* running */
}

/* With the shortest threshold, every late wake: 1 ns is always. */
static void a_late_wake_is_an_episode_where_they_are_asked_for(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct episode e[8] = { 0 };
    struct err err;
    const struct sampler_terms terms = { .interval_ns = 2000000, .episode_ns = 1 };
    struct sampler *s = sampler_open(&terms, &err);
    assert_non_null(s);
    assert_int_equal(sampler_episodes(s, e, 8), 0);
    sampler_start(s);
    unsigned count = 0;
    while (count == 0)
        count = sampler_episodes(s, e, 8);
    sampler_stop(s);
    for (unsigned i = 0; i < count; i++) {
        assert_true(e[i].at_ns > 0);
        assert_true(e[i].length_ns > 0);
        assert_true(e[i].queued_ns <= e[i].length_ns);
        assert_int_equal(e[i].count, 1);
    }
    uint64_t told = count;
    for (; count; told += count)
        count = sampler_episodes(s, e, 8);
    sampler_take(s, &h);
    assert_true(told + sampler_missed(s) <= h.total); /* swallowed deadlines are samples too */
    sampler_free(s);
}

static void none_is_kept_where_nobody_asks(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    struct episode e[8];
    struct err err;
    struct sampler *s = sampler_open(&(struct sampler_terms){ 0 }, &err);
    assert_non_null(s);
    sampler_start(s);
    while (h.total < 10)
        sampler_take(s, &h);
    assert_int_equal(sampler_episodes(s, e, 8), 0);
    assert_int_equal(sampler_missed(s), 0);
    sampler_free(s);
}

/* One thread for all CPUs, in turns: where it is pinned, the episodes come from all of them. */
static void few_threads_go_round_all_cpus(void **state)
{
    (void)state;
    struct episode e[8];
    struct err err;
    const struct sampler_terms terms = { .episode_ns = 1, .threads = 1 };
    struct sampler *s = sampler_open(&terms, &err);
    assert_non_null(s);
    assert_int_equal(sampler_cpus(s), 1);
    if (sampler_unpinned(s) > 0 || sampler_allowed(s) < 2) {
        sampler_free(s);
        skip();
    }
    sampler_start(s);
    while (sampler_episodes(s, e, 1) == 0)
        continue;
    uint32_t first = e[0].cpu;
    sampler_turn(s);
    for (e[0].cpu = first; e[0].cpu == first;)
        (void)sampler_episodes(s, e, 1);
    for (unsigned i = 1; i < sampler_allowed(s); i++)
        sampler_turn(s);
    while (e[0].cpu != first)
        (void)sampler_episodes(s, e, 1);
    sampler_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampler_that_never_ran_has_nothing),
        cmocka_unit_test(taking_in_parts_loses_and_repeats_nothing),
        cmocka_unit_test(a_late_wake_is_an_episode_where_they_are_asked_for),
        cmocka_unit_test(none_is_kept_where_nobody_asks),
        cmocka_unit_test(few_threads_go_round_all_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
