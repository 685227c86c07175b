#include "probes/kit/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The published outputs for the state 1, 2, 3, 4. */
static void outputs_are_those_of_xoshiro256_starstar(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct prng p = {
        {1, 2, 3, 4}
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(prng_next(&p) == expected[i]);
    }
}

/* The published outputs of splitmix64 for the seed 1234567. */
static void state_is_seeded_by_splitmix64(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1234567);
    assert_true(p.s[0] == UINT64_C(6457827717110365317));
    assert_true(p.s[1] == UINT64_C(3203168211198807973));
    assert_true(p.s[2] == UINT64_C(9817491932198370423));
    assert_true(p.s[3] == UINT64_C(4593380528125082431));
}

static void same_seed_repeats_and_names_differ(void **state)
{
    (void)state;
    struct prng a;
    struct prng b;
    struct prng c;
    prng_init_named(&a, 7, "disk.wal");
    prng_init_named(&b, 7, "disk.wal");
    prng_init_named(&c, 7, "disk.read");
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(&a, &c, sizeof(a));
    prng_init_named(&c, 8, "disk.wal");
    assert_memory_not_equal(&a, &c, sizeof(a));
    prng_init(&c, 7);
    assert_memory_not_equal(&a, &c, sizeof(a));
}

static void below_stays_below_and_reaches_every_value(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    unsigned seen[7] = { 0 };
    for (int i = 0; i < 7000; i++) {
        uint64_t drawn = prng_below(&p, 7);
        assert_true(drawn < 7);
        seen[drawn]++;
    }
    /* Expected 1000 each with a deviation of 29: 5 deviations. */
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
}

static void below_one_is_zero_and_below_a_power_of_two_draws_once(void **state)
{
    (void)state;
    struct prng p;
    struct prng q;
    prng_init(&p, 2);
    q = p;
    assert_int_equal(prng_below(&p, 1), 0);
    (void)prng_next(&q);
    assert_true(prng_below(&p, UINT64_C(1) << 63) == prng_next(&q) % (UINT64_C(1) << 63));
    assert_memory_equal(&p, &q, sizeof(p));
}

/* The bound is three quarters of the range: plain modulo would draw its lowest third twice. */
static void below_a_large_bound_has_no_modulo_bias(void **state)
{
    (void)state;
    const uint64_t bound = (UINT64_C(1) << 63) + (UINT64_C(1) << 62);
    struct prng p;
    prng_init(&p, 3);
    int low = 0;
    for (int i = 0; i < 3000; i++) {
        low += prng_below(&p, bound) < bound / 3;
    }
    /* Unbiased: a third, 1000 with a deviation of 26. Biased: a half. */
    assert_in_range(low, 870, 1130);
}

static void unit_lies_in_its_half_open_interval(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 4);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double drawn = prng_unit(&p);
        assert_true(drawn >= 0 && drawn < 1);
        sum += drawn;
    }
    assert_true(sum > 4850 && sum < 5150);
}

static void fill_writes_exactly_its_bytes_and_the_same_on_every_machine(void **state)
{
    (void)state;
    struct prng p = {
        {1, 2, 3, 4}
    };
    unsigned char bytes[24];
    memset(bytes, 0xee, sizeof(bytes));
    prng_fill(&p, bytes, 19);
    static const unsigned char expected[24] = { 0x00, 0x2d, 0,    0,    0,   0, 0, 0, /* 11520 */
                                                0,    0,    0,    0,    0,   0, 0, 0, /* 0 */
                                                0x80, 0x70, 0, /* 1509978240 is 0x5a007080 */
                                                0xee, 0xee, 0xee, 0xee, 0xee };
    assert_memory_equal(bytes, expected, sizeof(bytes));
    struct prng before = p;
    prng_fill(&p, bytes, 0);
    assert_memory_equal(&p, &before, sizeof(p));
}

static void entropy_differs_from_draw_to_draw(void **state)
{
    (void)state;
    assert_true(prng_entropy() != prng_entropy());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_xoshiro256_starstar),
        cmocka_unit_test(state_is_seeded_by_splitmix64),
        cmocka_unit_test(same_seed_repeats_and_names_differ),
        cmocka_unit_test(below_stays_below_and_reaches_every_value),
        cmocka_unit_test(below_one_is_zero_and_below_a_power_of_two_draws_once),
        cmocka_unit_test(below_a_large_bound_has_no_modulo_bias),
        cmocka_unit_test(unit_lies_in_its_half_open_interval),
        cmocka_unit_test(fill_writes_exactly_its_bytes_and_the_same_on_every_machine),
        cmocka_unit_test(entropy_differs_from_draw_to_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
