#include "probes/net/cohorts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void losses_fall_to_the_cohort_they_were_sent_in(void **state)
{
    (void)state;
    struct cohorts c = { 0 };
    cohorts_begin(&c, 0, 1000);
    cohorts_begin(&c, 100, 2000);
    cohorts_lost(&c, 99); /* known late */
    cohorts_lost(&c, 100);
    cohorts_begin(&c, 200, 3000);
    cohorts_lost(&c, 0);
    cohorts_lost(&c, 250);
    cohorts_finish(&c, 300, 4000);
    assert_int_equal(c.count, 3);
    static const unsigned lost[] = { 2, 1, 1 };
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(c.items[i].lost, lost[i]);
        assert_int_equal(c.items[i].sent, 100);
        assert_int_equal(c.items[i].length_ns, 1000);
    }
}

static void short_last_one_is_joined(void **state)
{
    (void)state;
    struct cohorts c = { 0 };
    cohorts_begin(&c, 0, 0);
    cohorts_begin(&c, 100, 1000);
    cohorts_begin(&c, 200, 2000);
    cohorts_lost(&c, 120);
    cohorts_lost(&c, 210);
    cohorts_finish(&c, 249, 2490);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.items[1].sent, 149);
    assert_int_equal(c.items[1].lost, 2);
    assert_int_equal(c.items[1].length_ns, 1490);
}

static void half_a_last_one_stands(void **state)
{
    (void)state;
    struct cohorts c = { 0 };
    cohorts_begin(&c, 0, 0);
    cohorts_begin(&c, 100, 1000);
    cohorts_finish(&c, 150, 1500);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.items[1].sent, 50);
}

static void what_has_not_settled_is_dropped(void **state)
{
    (void)state;
    struct cohorts c = { 0 };
    cohorts_begin(&c, 0, 0);
    cohorts_begin(&c, 100, 1000);
    cohorts_begin(&c, 200, 2000);
    cohorts_begin(&c, 300, 3000);
    cohorts_finish(&c, 200, 4000);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.items[1].sent, 100);
    struct cohorts none = { 0 };
    cohorts_begin(&none, 0, 0);
    cohorts_finish(&none, 0, 4000);
    assert_int_equal(none.count, 0);
    struct cohorts empty = { 0 };
    cohorts_lost(&empty, 1);
    cohorts_finish(&empty, 1, 1);
    assert_int_equal(empty.count, 0);
}

static void long_run_joins_two_by_two_and_loses_nothing(void **state)
{
    (void)state;
    static struct cohorts c;
    const unsigned parts = 5 * LIMITS_BLOCKS + 3;
    for (unsigned i = 0; i < parts; i++) {
        cohorts_begin(&c, i * 10, i * 1000);
        cohorts_lost(&c, i * 10 + 4);
    }
    cohorts_finish(&c, parts * 10, parts * 1000);
    assert_true(c.count <= LIMITS_BLOCKS && c.count >= LIMITS_BLOCKS / 2);
    uint64_t sent = 0;
    uint64_t lost = 0;
    uint64_t length_ns = 0;
    for (unsigned i = 0; i < c.count; i++) {
        sent += c.items[i].sent;
        lost += c.items[i].lost;
        length_ns += c.items[i].length_ns;
        assert_int_equal(c.items[i].lost * 10, c.items[i].sent);
        if (i + 1 < c.count)
            assert_int_equal(c.items[i].sent, 80);
    }
    assert_int_equal(sent, parts * 10);
    assert_int_equal(lost, parts);
    assert_int_equal(length_ns, parts * 1000);
}

static void sequences_wrap(void **state)
{
    (void)state;
    struct cohorts c = { 0 };
    cohorts_begin(&c, UINT32_MAX - 99, 0);
    cohorts_begin(&c, 0, 1000);
    cohorts_lost(&c, UINT32_MAX);
    cohorts_lost(&c, 0);
    cohorts_finish(&c, 100, 2000);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.items[0].sent, 100);
    assert_int_equal(c.items[0].lost, 1);
    assert_int_equal(c.items[1].lost, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_fall_to_the_cohort_they_were_sent_in),
        cmocka_unit_test(short_last_one_is_joined),
        cmocka_unit_test(half_a_last_one_stands),
        cmocka_unit_test(what_has_not_settled_is_dropped),
        cmocka_unit_test(long_run_joins_two_by_two_and_loses_nothing),
        cmocka_unit_test(sequences_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
