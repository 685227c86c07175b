#include "probes/disk/cap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/curves.h"

static struct curves c;

static struct cap find(void)
{
    return cap_find(&c.curve, c.work);
}

static void check_rate(const char *name, double rate)
{
    assert_true(curves_read(&c, name));
    struct cap found = find();
    print_message("%-14s kind %d, %8.1f/s, share %.2f, depths %u-%u, waiting %.1f\n", name,
                  (int)found.kind, found.rate, found.share, found.from, found.to, found.waiting);
    if (found.kind != CAP_BUCKET)
        fail_msg("%s: no bucket: %s", name, found.why_none);
    if (!(fabs(found.rate / rate - 1) < 0.03))
        fail_msg("%s: %.1f is not %.1f", name, found.rate, rate);
}

static void throttles_at_any_rate_are_found_within_3_percent(void **state)
{
    (void)state;
    check_rate("read-500-8", 500);
    check_rate("read-500-30", 500);
    check_rate("read-730-8", 730);
    check_rate("read-730-30", 730);
    check_rate("read-3000-8", 3000);
    check_rate("read-3000-30", 3000);
    check_rate("read-12345-8", 12345);
    check_rate("read-12345-30", 12345);
    check_rate("read-20MB-8", 20e6 / 4096);
    check_rate("read-20MB-30", 20e6 / 4096);
    check_rate("write-730-8", 730);
    check_rate("write-730-30", 730);
    check_rate("write-3000-8", 3000);
    check_rate("write-3000-30", 3000);
    check_rate("write-9100-8", 9100);
    check_rate("write-9100-30", 9100);
    check_rate("write-20MB-8", 20e6 / 4096);
    check_rate("write-20MB-30", 20e6 / 4096);
}

/* Three of nine repetitions reached 40 MB/s, in a minute when ten programs wanted the machine. */
static void a_few_repetitions_that_agree_to_the_digit_are_enough(void **state)
{
    (void)state;
    check_rate("read-40MB-7", 40e6 / 4096);
    for (unsigned i = 0; i < c.curve.depth_count; i++) /* but not where nothing waits */
        c.curve.depths[i].mean_ns = 1.5 * c.curve.depths[i].p50_ns;
    assert_int_equal(find().kind, CAP_NONE);
}

/* 13.7 tokens a slice are 13 or 14. */
static void a_rate_near_the_slices_resolution_is_found_too(void **state)
{
    (void)state;
    check_rate("read-137-8", 137);
    check_rate("read-137-30", 130);
}

/* With neighbours that take most of the disk 32,000 a second were seldom reached: not found is
 * right, a wrong rate were not. */
static void a_throttle_that_is_seldom_reached_gives_no_wrong_rate(void **state)
{
    (void)state;
    static const char *const names[] = { "read-125MiB-8", "read-125MiB-30" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(curves_read(&c, names[i]));
        struct cap found = find();
        print_message("%-14s kind %d, %8.1f/s, share %.2f, depths %u-%u, waiting %.1f\n", names[i],
                      (int)found.kind, found.rate, found.share, found.from, found.to,
                      found.waiting);
        assert_true(found.kind == CAP_NONE || fabs(found.rate / 32000 - 1) < 0.03);
    }
}

static void a_free_disk_has_no_limiter(void **state)
{
    (void)state;
    static const char *const names[] = { "read-none-8",   "read-none-30", "read-none2-8",
                                         "read-none2-30", "write-none-8", "write-none-30" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(curves_read(&c, names[i]));
        struct cap found = find();
        print_message("%-14s kind %d, %8.1f/s, share %.2f, depths %u-%u, waiting %.1f: %s\n",
                      names[i], (int)found.kind, found.rate, found.share, found.from, found.to,
                      found.waiting, found.why_none);
        assert_int_equal(found.kind, CAP_NONE);
        assert_non_null(found.why_none);
    }
}

static void a_paced_limiter_is_found_at_any_rate(void **state)
{
    (void)state;
    static const double rates[] = { 250, 500, 777, 3000, 3333, 9731, 16000, 23456 };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct curves_model m = { 480e3, rates[i], 1.3, 0.003, 0, 3 };
        curves_make(&c, &m, i + 1);
        struct cap found = find();
        if (found.kind != CAP_PACED)
            fail_msg("%.0f/s: %s: %u-%u", rates[i], found.why_none, found.from, found.to);
        assert_true(fabs(found.rate / rates[i] - 1) < 0.03);
    }
}

static void a_saturated_disk_is_none_quiet_or_not(void **state)
{
    (void)state;
    static const struct curves_model models[] = {
        {100e3,  70000,  2.6, 0.02,  0.8, 4}, /* SATA */
        { 85e3,  400000, 3.0, 0.005, 1,   4}, /* NVMe on bare metal, very steady */
        { 85e3,  612345, 1.6, 0.005, 1,   4}, /* with a short tail too */
        { 50e3,  65000,  2.1, 0.07,  0.5, 4}, /* virtio */
        { 12e6,  190,    3.0, 0.05,  0.7, 4}, /* a rotating disk with command queueing */
        { 600e3, 12000,  1.9, 0.06,  0.3, 4}, /* a network volume that neighbours share */
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        for (uint64_t seed = 1; seed <= 100; seed++) {
            curves_make(&c, &models[i], seed);
            struct cap found = find();
            if (found.kind != CAP_NONE)
                fail_msg("model %zu, seed %lu: kind %d at %.0f", i, (unsigned long)seed,
                         (int)found.kind, found.rate);
        }
    }
}

/* Round, stopped at once, with a short tail; but it moves. */
static void a_rate_that_moves_is_none(void **state)
{
    (void)state;
    struct curves_model m = { 480e3, 3000, 1.3, 0.06, 0, 4 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        curves_make(&c, &m, seed);
        assert_int_equal(find().kind, CAP_NONE);
    }
}

/* 64 commands of 2.1 ms each are 30,000 a second, a round number by chance. */
static void a_queue_of_fixed_length_is_none(void **state)
{
    (void)state;
    struct curves_model m = { 2.0e6, 16 / 2.0e-3, 1.1, 0.002, 0, 4 };
    curves_make(&c, &m, 1);
    struct cap found = find();
    assert_int_equal(found.kind, CAP_NONE);
    assert_int_equal(found.queue, 16);
    assert_string_equal(found.why_none, "a queue of fixed length explains it");
}

static void a_rate_that_still_grows_is_none(void **state)
{
    (void)state;
    struct curves_model m = { 5e6, 1e9, 1.1, 0.002, 0, 4 };
    curves_make(&c, &m, 1);
    struct cap found = find();
    assert_int_equal(found.kind, CAP_NONE);
    assert_int_equal(found.from, found.to);
}

static void nothing_and_one_depth_are_none(void **state)
{
    (void)state;
    memset(&c, 0, sizeof c);
    assert_int_equal(find().kind, CAP_NONE);
    assert_true(isnan(find().rate));
    struct curves_model m = { 480e3, 3000, 1.3, 0.003, 0, 3 };
    curves_make(&c, &m, 1);
    c.curve.depth_count = 1;
    assert_string_equal(find().why_none, "too few depths were measured");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttles_at_any_rate_are_found_within_3_percent),
        cmocka_unit_test(a_few_repetitions_that_agree_to_the_digit_are_enough),
        cmocka_unit_test(a_rate_near_the_slices_resolution_is_found_too),
        cmocka_unit_test(a_throttle_that_is_seldom_reached_gives_no_wrong_rate),
        cmocka_unit_test(a_free_disk_has_no_limiter),
        cmocka_unit_test(a_paced_limiter_is_found_at_any_rate),
        cmocka_unit_test(a_saturated_disk_is_none_quiet_or_not),
        cmocka_unit_test(a_rate_that_moves_is_none),
        cmocka_unit_test(a_queue_of_fixed_length_is_none),
        cmocka_unit_test(a_rate_that_still_grows_is_none),
        cmocka_unit_test(nothing_and_one_depth_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
