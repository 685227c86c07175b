#include "probes/net/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int open_hist(void **state)
{
    static struct hist h;
    struct err e;
    *state = &h;
    return hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e);
}

static int close_hist(void **state)
{
    hist_release(*state);
    return 0;
}

static void each_way_is_told_above_its_own_least(void **state)
{
    struct hist *h = *state;
    struct spread s;
    struct err e;
    assert_int_equal(spread_open(&s, 3, &e), 0);
    /* Two clocks 5 s apart. */
    spread_add(&s, -5000000000 + 300, 5000000000 + 900);
    spread_add(&s, -5000000000 + 100, 5000000000 + 400);
    spread_add(&s, -5000000000 + 150, 5000000000 + 600);
    spread_tell(&s, SPREAD_UP, h);
    assert_int_equal(h->total, 3);
    assert_int_equal(h->min, 0);
    assert_int_equal(hist_value_at_rank(h, 2), 50);
    assert_int_equal(h->max, 200);
    hist_clear(h);
    spread_tell(&s, SPREAD_DOWN, h);
    assert_int_equal(h->min, 0);
    assert_int_equal(hist_value_at_rank(h, 2), 200);
    assert_int_equal(h->max, 500);
    spread_release(&s);
    spread_release(&s);
}

static void what_has_no_room_is_counted(void **state)
{
    struct hist *h = *state;
    struct spread s;
    struct err e;
    assert_int_equal(spread_open(&s, 1, &e), 0);
    spread_tell(&s, SPREAD_UP, h);
    assert_int_equal(h->total, 0);
    spread_add(&s, 1, 1);
    spread_add(&s, 0, 0);
    assert_int_equal(s.left_out, 1);
    spread_tell(&s, SPREAD_UP, h);
    assert_int_equal(h->total, 1);
    assert_int_equal(h->max, 0);
    spread_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_way_is_told_above_its_own_least, open_hist,
                                        close_hist),
        cmocka_unit_test_setup_teardown(what_has_no_room_is_counted, open_hist, close_hist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
