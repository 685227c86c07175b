#include "probes/kit/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/prng.h"

static const uint64_t usual_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;

static struct hist opened(uint64_t value_max)
{
    struct hist h;
    struct err e;
    assert_int_equal(hist_open(&h, value_max, &e), 0);
    return h;
}

/* PLIMSOLL_SEED repeats a failing run. */
static uint64_t seed(void)
{
    const char *text = getenv("PLIMSOLL_SEED"); // NOLINT(concurrency-mt-unsafe)
    uint64_t value = text ? strtoull(text, NULL, 10) : prng_entropy();
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)value);
    return value;
}

static void index_lowest_and_highest_are_inverse_in_every_bucket(void **state)
{
    (void)state;
    uint32_t size = hist_index(UINT64_MAX) + 1;
    assert_int_equal(hist_lowest(0), 0);
    for (uint32_t i = 0; i < size; i++) {
        uint64_t low = hist_lowest(i);
        uint64_t high = hist_highest(i);
        assert_int_equal(hist_index(low), i);
        assert_int_equal(hist_index(high), i);
        assert_true(low <= high);
        assert_true(i == 0 || hist_highest(i - 1) + 1 == low);
        assert_true(high - low <= low / 1024);
    }
    assert_true(hist_highest(size - 1) == UINT64_MAX);
}

/* Computed by the layout's definition: bucket 30 starts at 2^40, each bucket adds 1024 counts. */
static void index_is_that_of_hdr_histogram(void **state)
{
    (void)state;

    static const struct {
        uint64_t value;
        uint32_t index;
    } known[] = {
        {0,                  0    },
        { 2047,              2047 },
        { 2048,              2048 },
        { 2049,              2048 },
        { 2050,              2049 },
        { 4095,              3071 },
        { 4096,              3072 },
        { 1000000,           11169},
        { UINT64_C(1) << 40, 31744},
        { UINT64_MAX,        56319},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(hist_index(known[i].value), known[i].index);
    }
}

static void empty_histogram_has_quantile_zero_and_no_mean(void **state)
{
    (void)state;
    struct hist h = opened(usual_max);
    assert_int_equal(hist_quantile(&h, 0.5), 0);
    assert_true(isnan(hist_mean(&h)));
    assert_int_equal(hist_count_above(&h, 0), 0);
    assert_true(h.min == UINT64_MAX);
    hist_release(&h);
}

static void quantile_is_nearest_rank(void **state)
{
    (void)state;
    struct hist h = opened(usual_max);
    for (uint64_t v = 1; v <= 100; v++) {
        hist_record(&h, v);
    }
    assert_int_equal(hist_quantile(&h, 0), 1);
    assert_int_equal(hist_quantile(&h, 0.001), 1);
    assert_int_equal(hist_quantile(&h, 0.5), 50);
    assert_int_equal(hist_quantile(&h, 0.501), 51);
    assert_int_equal(hist_quantile(&h, 0.99), 99);
    assert_int_equal(hist_quantile(&h, 1), 100);
    assert_int_equal(hist_quantile(&h, 7), 100);
    assert_int_equal(hist_quantile(&h, NAN), 1);
    assert_int_equal(hist_value_at_rank(&h, 1), 1);
    assert_int_equal(hist_value_at_rank(&h, 42), 42);
    hist_release(&h);
}

/* 0.07 * 100 and 0.55 * 100 are a little more than 7 and 55 in binary: the rank is not the next. */
static void quantile_is_not_led_astray_by_binary_fractions(void **state)
{
    (void)state;
    struct hist h = opened(usual_max);
    for (uint64_t v = 1; v <= 100; v++) {
        hist_record(&h, v);
    }
    for (uint64_t percent = 1; percent <= 100; percent++) {
        assert_int_equal(hist_quantile(&h, (double)percent / 100), percent);
    }
    hist_release(&h);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

enum {
    DRAWN = 3000,
    ROUNDS = 40
};

static void quantile_is_within_a_bucket_of_the_sorted_sample(void **state)
{
    (void)state;
    static uint64_t drawn[DRAWN];
    static const double quantiles[] = { 0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 };
    struct prng prng;
    struct hist h = opened(usual_max);
    prng_init(&prng, seed());
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = 1 + prng_below(&prng, DRAWN);
        hist_clear(&h);
        for (size_t i = 0; i < n; i++) {
            drawn[i] = (uint64_t)pow(10, 9 * prng_unit(&prng)); /* nine decades, evenly */
            hist_record(&h, drawn[i]);
        }
        qsort(drawn, n, sizeof(drawn[0]), ascending);
        assert_true(h.min == drawn[0] && h.max == drawn[n - 1]);
        for (size_t k = 0; k < sizeof(quantiles) / sizeof(quantiles[0]); k++) {
            double rank = ceil(quantiles[k] * (double)n);
            uint64_t exact = drawn[rank < 1 ? 0 : (size_t)rank - 1];
            uint64_t found = hist_quantile(&h, quantiles[k]);
            assert_true(found >= exact);
            assert_true(found - exact <= exact / 1024);
        }
    }
    hist_release(&h);
}

static void clear_leaves_no_count_behind(void **state)
{
    (void)state;
    struct hist h = opened(1000000);
    hist_record(&h, 0);
    hist_record_n(&h, 777, 5);
    hist_record(&h, UINT64_MAX);
    hist_clear(&h);
    for (uint32_t i = 0; i < h.size; i++) {
        assert_true(h.counts[i] == 0);
    }
    assert_int_equal(h.total, 0);
    assert_int_equal(h.clamped, 0);
    assert_int_equal(h.max, 0);
    assert_true(h.min == UINT64_MAX && h.sum == 0);
    hist_record(&h, 12);
    assert_int_equal(hist_quantile(&h, 0.5), 12);
    hist_release(&h);
}

static void value_above_the_range_is_clamped_and_counted(void **state)
{
    (void)state;
    struct hist h = opened(10000);
    hist_record(&h, 10000);
    assert_int_equal(h.clamped, 0);
    hist_record(&h, 5);
    hist_record_n(&h, 123456789, 2);
    assert_int_equal(h.total, 4);
    assert_int_equal(h.clamped, 2);
    assert_int_equal(h.max, 123456789);
    assert_int_equal(hist_quantile(&h, 0.25), 5);
    assert_int_equal(hist_quantile(&h, 1), 123456789);
    assert_true(hist_mean(&h) == (5 + 10000 + 2 * 123456789.0) / 4);
    assert_int_equal(hist_count_above(&h, 5), 3);
    assert_int_equal(hist_count_above(&h, 10000), 2);
    assert_int_equal(hist_count_above(&h, 123456788), 2);
    assert_int_equal(hist_count_above(&h, 123456789), 0);
    hist_release(&h);
}

static void count_above_does_not_count_the_bound_itself(void **state)
{
    (void)state;
    struct hist h = opened(usual_max);
    for (uint64_t v = 1; v <= 2000; v++) {
        hist_record(&h, v);
    }
    assert_int_equal(hist_count_above(&h, 0), 2000);
    assert_int_equal(hist_count_above(&h, 1999), 1);
    assert_int_equal(hist_count_above(&h, 2000), 0);
    assert_int_equal(hist_count_above(&h, UINT64_MAX), 0);
    hist_release(&h);
}

static void merge_is_the_histogram_of_both(void **state)
{
    (void)state;
    struct prng prng;
    struct hist a = opened(1000000);
    struct hist b = opened(1000000);
    struct hist both = opened(1000000);
    prng_init(&prng, seed());
    for (int i = 0; i < 5000; i++) {
        uint64_t v = (uint64_t)pow(10, 6.5 * prng_unit(&prng)); /* some above the range */
        hist_record(i % 3 ? &a : &b, v);
        hist_record(&both, v);
    }
    hist_merge(&a, &b);
    assert_memory_equal(a.counts, both.counts, both.size * sizeof(both.counts[0]));
    assert_true(a.total == both.total && a.clamped == both.clamped);
    assert_true(a.min == both.min && a.max == both.max);
    assert_true(fabs(a.sum - both.sum) <= 1e-9 * both.sum);
    hist_release(&a);
    hist_release(&b);
    hist_release(&both);
}

static void merge_of_an_empty_or_closed_one_changes_nothing(void **state)
{
    (void)state;
    struct hist h = opened(usual_max);
    struct hist empty = opened(usual_max);
    struct hist closed = { 0 };
    hist_record(&h, 4711);
    hist_merge(&h, &empty);
    hist_merge(&h, &closed);
    assert_true(h.total == 1 && h.min == 4711 && h.max == 4711);
    hist_merge(&empty, &h);
    assert_true(empty.total == 1 && empty.min == 4711 && empty.max == 4711);
    hist_release(&h);
    hist_release(&empty);
}

/* Pages of a mapping that were ever written. */
static size_t touched_pages(void *at, size_t size)
{
    unsigned char resident[256];
    size_t count = 0;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = size / page;
    assert_true(pages <= sizeof(resident));
    assert_int_equal(mincore(at, size, resident), 0);
    for (size_t i = 0; i < pages; i++) {
        count += resident[i] & 1;
    }
    return count;
}

static void merge_does_not_touch_empty_ranges(void **state)
{
    (void)state;
    struct hist src = opened(usual_max);
    struct hist dst = opened(usual_max);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (dst.size * sizeof(dst.counts[0]) + page - 1) / page * page;
    uint64_t *own = dst.counts;
    dst.counts = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(dst.counts, MAP_FAILED);
    (void)madvise(dst.counts, size, MADV_NOHUGEPAGE); /* a huge page would be touched as a whole */
    hist_record(&src, 10);
    hist_record(&src, usual_max);
    hist_merge(&dst, &src);
    assert_in_range(touched_pages(dst.counts, size), 2, 2);
    (void)munmap(dst.counts, size);
    dst.counts = own;
    hist_release(&src);
    hist_release(&dst);
}

static void release_twice_is_harmless(void **state)
{
    (void)state;
    struct hist h = opened(1);
    hist_release(&h);
    hist_release(&h);
    assert_null(h.counts);
    hist_clear(&h);
}

static void what_is_poured_takes_room_for_its_own_range_alone(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct hist from = opened(usual_max);
    struct hist whole = opened(usual_max);
    struct hist kept = { 0 };
    static const uint64_t values[][2] = {
        {40000,  52000     },
        { 90,    41000     },
        { 50000, UINT64_MAX}
    };
    assert_int_equal(hist_pour(&kept, &from, &e), 0);
    assert_null(kept.counts); /* nothing to pour */
    for (unsigned i = 0; i < 3; i++) {
        hist_clear(&from);
        hist_record(&from, values[i][0]);
        hist_record(&from, values[i][1]);
        hist_merge(&whole, &from);
        assert_int_equal(hist_pour(&kept, &from, &e), 0);
        assert_true(kept.base <= hist_first(&whole));
        assert_true(kept.base + HIST_SUB_HALF > hist_first(&whole));
        assert_true(kept.base + kept.size > hist_last(&whole));
        assert_true(kept.base + kept.size <= hist_last(&whole) + HIST_SUB_HALF);
        for (uint32_t k = 0; k < whole.size; k++)
            assert_int_equal(hist_count(&kept, k), whole.counts[k]);
    }
    assert_int_equal(kept.total, 6);
    assert_int_equal(kept.clamped, 1);
    assert_int_equal(kept.min, 90);
    assert_int_equal(kept.max, UINT64_MAX);
    for (double q = 0; q <= 1; q += 0.125)
        assert_int_equal(hist_quantile(&kept, q), hist_quantile(&whole, q));
    assert_int_equal(hist_count_above(&kept, 45000), hist_count_above(&whole, 45000));
    hist_clear(&whole);
    hist_merge(&whole, &kept); /* out of a narrow one into a whole one */
    assert_int_equal(whole.counts[hist_index(90)], 1);
    hist_release(&kept);
    hist_release(&whole);
    hist_release(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_lowest_and_highest_are_inverse_in_every_bucket),
        cmocka_unit_test(index_is_that_of_hdr_histogram),
        cmocka_unit_test(empty_histogram_has_quantile_zero_and_no_mean),
        cmocka_unit_test(quantile_is_nearest_rank),
        cmocka_unit_test(quantile_is_not_led_astray_by_binary_fractions),
        cmocka_unit_test(quantile_is_within_a_bucket_of_the_sorted_sample),
        cmocka_unit_test(clear_leaves_no_count_behind),
        cmocka_unit_test(value_above_the_range_is_clamped_and_counted),
        cmocka_unit_test(count_above_does_not_count_the_bound_itself),
        cmocka_unit_test(merge_is_the_histogram_of_both),
        cmocka_unit_test(merge_of_an_empty_or_closed_one_changes_nothing),
        cmocka_unit_test(merge_does_not_touch_empty_ranges),
        cmocka_unit_test(release_twice_is_harmless),
        cmocka_unit_test(what_is_poured_takes_room_for_its_own_range_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
