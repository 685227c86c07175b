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
    return cap_find(&c.curve, &(struct cap_work){ c.rates, c.parts });
}

static void check_rate(const char *name, double until_s, double rate, double within)
{
    assert_true(curves_read(&c, name, until_s));
    struct cap found = find();
    print_message("%-12s %4.0f s: kind %d, %8.1f/s, cv %.3f, depths %u-%u, waiting %.1f\n", name,
                  until_s, (int)found.kind, found.rate, found.cv, found.from, found.to,
                  found.waiting);
    if (found.kind != CAP_BUCKET)
        fail_msg("%s: no bucket: %s", name, found.why_none);
    if (!(fabs(found.rate / rate - 1) <= within))
        fail_msg("%s: %.1f is not %.1f", name, found.rate, rate);
}

static void throttles_at_any_rate_are_found_within_3_percent(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        double rate;
    } rows[] = {
        {"read-500",     500        },
        { "read-730",    730        },
        { "read-3000",   3000       },
        { "read-12000",  12000      },
        { "read-20MB",   20e6 / 4096},
        { "read-125MiB", 125 * 256.0},
        { "write-730",   730        },
        { "write-3000",  3000       },
        { "write-9100",  9100       },
        { "write-20MB",  20e6 / 4096},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_rate(rows[i].name, 12, rows[i].rate, 0.03);
        check_rate(rows[i].name, 5.5, rows[i].rate, 0.03);
    }
}

/* 13.7 tokens a slice are 13: the kernel gives 130. */
static void a_rate_below_the_slices_resolution_is_the_rate_that_is_given(void **state)
{
    (void)state;
    check_rate("read-137", 12, 130, 0.03);
}

/* Neighbours took most of the disk meanwhile: not found is right, a wrong rate were not. */
static void a_throttle_that_others_keep_from_being_reached_gives_no_wrong_rate(void **state)
{
    (void)state;
    assert_true(curves_read(&c, "read-30000", 12));
    struct cap found = find();
    print_message("read-30000: depths %u-%u, %.0f/s, cv %.3f\n", found.from, found.to, found.rate, found.cv);
    assert_true(found.kind == CAP_NONE || fabs(found.rate / 30000 - 1) < 0.03);
}

static void a_free_disk_has_no_limiter(void **state)
{
    (void)state;
    static const char *const names[] = { "read-none", "read-none2", "write-none", "write-none2" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (double until_s = 3; until_s < 13; until_s += 1) {
            assert_true(curves_read(&c, names[i], until_s));
            struct cap found = find();
            if (found.kind != CAP_NONE)
                fail_msg("%s to %.0f s: kind %d at %.0f/s, cv %.3f, waiting %.1f", names[i],
                         until_s, (int)found.kind, found.rate, found.cv, found.waiting);
            assert_non_null(found.why_none);
        }
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
    assert_string_equal(found.why_none, "its rate still grows with the depth");
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

static void blocks_are_sorted_by_time(void **state)
{
    (void)state;
    struct cap_block b[] = {
        {30,  1, 1, 1},
        { 10, 1, 1, 2},
        { 20, 1, 1, 4}
    };
    cap_sort(b, 3);
    assert_int_equal(b[0].at_ns, 10);
    assert_int_equal(b[2].at_ns, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttles_at_any_rate_are_found_within_3_percent),
        cmocka_unit_test(a_rate_below_the_slices_resolution_is_the_rate_that_is_given),
        cmocka_unit_test(a_throttle_that_others_keep_from_being_reached_gives_no_wrong_rate),
        cmocka_unit_test(a_free_disk_has_no_limiter),
        cmocka_unit_test(a_paced_limiter_is_found_at_any_rate),
        cmocka_unit_test(a_saturated_disk_is_none_quiet_or_not),
        cmocka_unit_test(a_queue_of_fixed_length_is_none),
        cmocka_unit_test(a_rate_that_still_grows_is_none),
        cmocka_unit_test(nothing_and_one_depth_are_none),
        cmocka_unit_test(blocks_are_sorted_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
