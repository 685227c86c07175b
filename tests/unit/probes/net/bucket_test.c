#include "probes/net/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct origin_seed seed = { 11, 22 };
static const struct origin peer = { 0, UINT64_C(0xffffc0000207) };
static const uint64_t start_ns = CLK_NS_PER_S;

static struct bucket open_bucket(uint64_t rate)
{
    struct bucket b;
    struct err e = { 0 };
    assert_int_equal(bucket_open(&b, rate, seed, &e), 0);
    return b;
}

static unsigned take(struct bucket *b, struct origin who, uint64_t now_ns, unsigned times)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < times; i++)
        passed += bucket_take(b, who, now_ns);
    return passed;
}

static void burst_is_a_tenth_of_the_rate_and_then_the_rate(void **state)
{
    (void)state;
    struct bucket b = open_bucket(20000);
    assert_int_equal(take(&b, peer, start_ns, 5000), 2000);
    assert_int_equal(take(&b, peer, start_ns + CLK_NS_PER_MS, 5000), 20);
    unsigned passed = 0;
    for (unsigned ms = 2; ms <= 1001; ms++)
        passed += take(&b, peer, start_ns + ms * (uint64_t)CLK_NS_PER_MS, 100);
    assert_int_equal(passed, 20000);
    /* Full again, and no fuller, after a long silence. */
    assert_int_equal(take(&b, peer, 3600 * start_ns, 5000), 2000);
    bucket_release(&b);
    bucket_release(&b);
}

static void slow_rate_still_lets_a_late_sender_catch_up(void **state)
{
    (void)state;
    struct bucket b = open_bucket(10);
    assert_int_equal(take(&b, peer, start_ns, 100), BUCKET_DEPTH_MIN);
    assert_int_equal(take(&b, peer, start_ns + CLK_NS_PER_S, 100), 10);
    bucket_release(&b);
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    struct bucket b = open_bucket(0);
    assert_int_equal(take(&b, peer, start_ns, 100000), 100000);
    bucket_release(&b);
}

static void one_source_does_not_spend_another_ones(void **state)
{
    (void)state;
    struct bucket b = open_bucket(1000);
    struct origin other = { 0, peer.low + 1 };
    assert_int_equal(take(&b, peer, start_ns, 1000), 100);
    assert_int_equal(take(&b, other, start_ns, 1000), 100);
    bucket_release(&b);
}

/* Many more forged sources than there are places, a packet each, between the peer's own. */
static void flood_of_forged_sources_locks_nobody_out(void **state)
{
    (void)state;

    enum {
        ROUNDS = 100,
        FORGED = 10000
    };

    struct bucket b = open_bucket(1000);
    uint64_t now_ns = start_ns;
    uint64_t forged = 1;
    for (unsigned round = 0; round < ROUNDS; round++, now_ns += 10 * (uint64_t)CLK_NS_PER_MS) {
        for (unsigned i = 0; i < FORGED; i++)
            (void)bucket_take(&b, (struct origin){ forged++, 0 }, now_ns);
        assert_int_equal(take(&b, peer, now_ns, 1), 1);
    }
    assert_true(b.pushed_out > 0);
    bucket_release(&b);
}

static void flood_of_forged_sources_frees_nobody_who_is_above_his_rate(void **state)
{
    (void)state;
    struct bucket b = open_bucket(1000);
    assert_int_equal(take(&b, peer, start_ns, 1000), 100);
    for (uint64_t forged = 1; forged < 10 * BUCKET_SETS * BUCKET_WAYS; forged++)
        (void)bucket_take(&b, (struct origin){ forged, 0 }, start_ns);
    assert_int_equal(take(&b, peer, start_ns, 1000), 0);
    bucket_release(&b);
}

static void rate_beyond_the_clock_is_refused(void **state)
{
    (void)state;
    struct bucket b;
    struct err e = { 0 };
    assert_int_equal(bucket_open(&b, BUCKET_RATE_MAX + 1, seed, &e), -1);
    bucket_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_is_a_tenth_of_the_rate_and_then_the_rate),
        cmocka_unit_test(slow_rate_still_lets_a_late_sender_catch_up),
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(one_source_does_not_spend_another_ones),
        cmocka_unit_test(flood_of_forged_sources_locks_nobody_out),
        cmocka_unit_test(flood_of_forged_sources_frees_nobody_who_is_above_his_rate),
        cmocka_unit_test(rate_beyond_the_clock_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
