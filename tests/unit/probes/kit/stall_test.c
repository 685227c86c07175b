#include "probes/kit/stall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

#define MS UINT64_C(1000000)

static struct hist open_hist(void)
{
    struct hist h = { 0 };
    struct err e;
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    return h;
}

static void a_wake_in_time_is_one_sample(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    stall_record(&h, 0, MS);
    stall_record(&h, 60000, MS);
    stall_record(&h, MS - 1, MS);
    assert_int_equal(h.total, 3);
    assert_int_equal(h.max, MS - 1);
}

static void a_stall_counts_the_deadlines_it_swallowed(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    /* Due at 0, woken at 3.5 ms: the deadlines at 1, 2 and 3 ms were missed by 2.5, 1.5, 0.5. */
    stall_record(&h, 7 * MS / 2, MS);
    assert_int_equal(h.total, 4);
    assert_int_equal(h.max, 7 * MS / 2);
    assert_int_equal(h.min, MS / 2);
    assert_true(h.sum == (double)(8 * MS));
}

static void the_grid_is_kept(void **state)
{
    (void)state;
    assert_int_equal(stall_next_due(100 * MS, 0, MS), 101 * MS);
    assert_int_equal(stall_next_due(100 * MS, MS - 1, MS), 101 * MS);
    assert_int_equal(stall_next_due(100 * MS, MS, MS), 102 * MS);
    assert_int_equal(stall_next_due(100 * MS, 7 * MS / 2, MS), 104 * MS);
}

static void every_deadline_is_one_sample_and_the_next_is_ahead(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    for (uint64_t late = 0; late < 20 * MS; late += MS / 4) {
        hist_clear(&h);
        stall_record(&h, late, MS);
        uint64_t due = stall_next_due(0, late, MS);
        assert_int_equal(h.total, due / MS);
        assert_true(due > late);
    }
}

static void a_stall_of_hours_ends(void **state)
{
    (void)state;
    AUTO(hist) struct hist h = open_hist();
    stall_record(&h, UINT64_MAX, 1);
    assert_int_equal(h.total, 3600001);
    assert_int_equal(h.max, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_in_time_is_one_sample),
        cmocka_unit_test(a_stall_counts_the_deadlines_it_swallowed),
        cmocka_unit_test(the_grid_is_kept),
        cmocka_unit_test(every_deadline_is_one_sample_and_the_next_is_ahead),
        cmocka_unit_test(a_stall_of_hours_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
