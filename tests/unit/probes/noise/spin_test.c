#include "probes/noise/spin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    STEP_NS = 25,
    GAPS = 8
};

/* A clock that steps evenly, but for gaps at its n-th reading. */
static struct {
    uint64_t now_ns;
    unsigned reading;

    struct {
        unsigned reading;
        int64_t length_ns;
    } gaps[GAPS];
} made;

static uint64_t made_read(void)
{
    made.now_ns += STEP_NS;
    made.reading++;
    for (int i = 0; i < GAPS; i++) {
        if (made.gaps[i].reading == made.reading)
            made.now_ns += (uint64_t)made.gaps[i].length_ns;
    }
    return made.now_ns;
}

static struct tick clock_made;
static volatile sig_atomic_t stopping;
static struct hist gaps;

static struct spin spin_made(void)
{
    clock_made = tick_clock;
    clock_made.read_ns = made_read;
    made.now_ns = 1000;
    made.reading = 0;
    for (int i = 0; i < GAPS; i++)
        made.gaps[i].reading = 0;
    stopping = 0;
    hist_clear(&gaps);
    return (struct spin){ .clock = &clock_made,
                          .stopping = &stopping,
                          .gaps = &gaps,
                          .step_ns = STEP_NS,
                          .threshold_ns = 3000,
                          .long_ns = 500000,
                          .many_ns = 250000 };
}

static void gap(int i, unsigned reading, int64_t length_ns)
{
    made.gaps[i].reading = reading;
    made.gaps[i].length_ns = length_ns;
}

static void an_even_clock_has_no_gap(void **state)
{
    (void)state;
    struct spin s = spin_made();
    assert_int_equal(spin_run(&s, 1000000), SPIN_OVER);
    assert_int_equal(s.tally.gaps, 0);
    assert_int_equal(gaps.total, 0);
    assert_in_range(made.now_ns, 1000000, 1000000 + STEP_NS);
}

static void a_long_gap_comes_back_at_once_with_time_and_length(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 101, 4000000);
    assert_int_equal(spin_run(&s, 100000000), SPIN_LONG);
    assert_int_equal(s.at_ns, 1000 + 100 * STEP_NS); /* the last reading before it */
    assert_int_equal(s.length_ns, 4000000);          /* less the loop's own step */
    assert_int_equal(made.reading, 101);
    assert_int_equal(s.tally.gaps, 1);
    assert_int_equal(s.tally.lost_ns, 4000000);
    assert_int_equal(s.tally.short_gaps, 0);
    assert_int_equal(gaps.max, 4000000);
}

/* What its caller does meanwhile is nobody's gap. */
static void time_between_two_calls_is_no_gap(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 101, 4000000);
    (void)spin_run(&s, 100000000);
    made.now_ns += 50000000;
    assert_int_equal(spin_run(&s, made.now_ns + 100000), SPIN_OVER);
    assert_int_equal(s.tally.gaps, 1);
}

static void the_threshold_is_beyond_the_step(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 10, 2999);
    gap(1, 20, 3000);
    assert_int_equal(spin_run(&s, 1000000), SPIN_OVER);
    assert_int_equal(s.tally.gaps, 1);
    assert_int_equal(s.tally.short_ns, 3000);
    assert_int_equal(s.tally.short_at_ns, 1000 + 19 * STEP_NS + 2999);
}

static void short_gaps_come_back_once_they_add_up(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 10, 100000);
    gap(1, 20, 100000);
    gap(2, 30, 100000);
    gap(3, 40, 100000);
    assert_int_equal(spin_run(&s, 100000000), SPIN_MANY);
    assert_int_equal(s.tally.short_gaps, 3);
    assert_int_equal(spin_run(&s, 1000000), SPIN_OVER); /* counted anew */
    assert_int_equal(s.tally.short_gaps, 4);
    assert_int_equal(s.tally.short_ns, 400000);
    assert_int_equal(s.tally.longest_ns, 100000);
}

static void a_gap_across_the_end_is_whole(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 11, 50000000);
    assert_int_equal(spin_run(&s, 2000), SPIN_LONG);
    assert_int_equal(s.length_ns, 50000000);
    assert_int_equal(spin_run(&s, 2000), SPIN_OVER);
}

static void a_clock_set_back_is_no_gap(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 101, -2000);
    assert_int_equal(spin_run(&s, 1000000), SPIN_OVER);
    assert_int_equal(s.tally.gaps, 0);
}

static void a_stop_ends_the_loop(void **state)
{
    (void)state;
    struct spin s = spin_made();
    stopping = 1;
    assert_int_equal(spin_run(&s, UINT64_MAX), SPIN_OVER);
    assert_in_range(made.reading, 1, 2);
}

static void the_step_is_learned_from_the_clock_and_not_from_its_gaps(void **state)
{
    (void)state;
    struct spin s = spin_made();
    gap(0, 100, 5000000);
    gap(1, 300, 9000);
    s.step_ns = 0;
    spin_learn(&s);
    assert_int_equal(s.step_ns, STEP_NS);
}

static void a_slow_clock_has_a_higher_threshold(void **state)
{
    (void)state;
    assert_int_equal(spin_threshold_ns(25), 3000);
    assert_int_equal(spin_threshold_ns(1000), 8000);
}

static void a_missed_gap_counts_only_when_it_is_long(void **state)
{
    (void)state;
    struct spin s = spin_made();
    assert_false(spin_missed(&s, 5000, 499999));
    assert_int_equal(s.tally.gaps, 0);
    assert_true(spin_missed(&s, 5000, 20000000));
    assert_int_equal(s.at_ns, 5000);
    assert_int_equal(s.length_ns, 20000000);
    assert_int_equal(s.tally.lost_ns, 20000000);
    assert_int_equal(gaps.total, 1);
}

static void the_usual_length_is_that_in_which_the_time_went(void **state)
{
    (void)state;
    struct spin s = spin_made();
    s.many_ns = UINT64_MAX;
    assert_int_equal(spin_usual_ns(s.tally.octaves), 0);
    gap(0, 10, 10000);
    gap(1, 20, 10000);
    gap(2, 30, 400000);
    gap(3, 40, 420000);
    gap(4, 60, 3000000);
    gap(5, 70, 3500);
    (void)spin_run(&s, 842200); /* before the long one */
    assert_int_equal(s.tally.gaps, 4);
    assert_int_equal(spin_usual_ns(s.tally.octaves), 410000);
    (void)spin_run(&s, 100000000);
    (void)spin_run(&s, 100000000);
    assert_int_equal(s.tally.gaps, 6);
    assert_int_equal(spin_usual_ns(s.tally.octaves), 3000000);
    struct spin_octave longest[SPIN_OCTAVES] = {
        [SPIN_OCTAVES - 1] = {2, UINT64_MAX / 2}
    };
    assert_int_equal(spin_usual_ns(longest), UINT64_MAX / 4);
}

static int open_gaps(void **state)
{
    (void)state;
    struct err e;
    return hist_open(&gaps, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e);
}

static int close_gaps(void **state)
{
    (void)state;
    hist_release(&gaps);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_clock_has_no_gap),
        cmocka_unit_test(a_long_gap_comes_back_at_once_with_time_and_length),
        cmocka_unit_test(time_between_two_calls_is_no_gap),
        cmocka_unit_test(the_threshold_is_beyond_the_step),
        cmocka_unit_test(short_gaps_come_back_once_they_add_up),
        cmocka_unit_test(a_gap_across_the_end_is_whole),
        cmocka_unit_test(a_clock_set_back_is_no_gap),
        cmocka_unit_test(a_stop_ends_the_loop),
        cmocka_unit_test(the_step_is_learned_from_the_clock_and_not_from_its_gaps),
        cmocka_unit_test(a_slow_clock_has_a_higher_threshold),
        cmocka_unit_test(a_missed_gap_counts_only_when_it_is_long),
        cmocka_unit_test(the_usual_length_is_that_in_which_the_time_went),
    };
    return cmocka_run_group_tests(tests, open_gaps, close_gaps);
}
