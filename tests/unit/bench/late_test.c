/* What a probe says that came to its turn late. */
#include "bench/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

#define S ((uint64_t)CLK_NS_PER_S)

static void a_failure_for_want_of_time_says_who_took_it(void **state)
{
    (void)state;
    struct result r = { 0 };
    result_set_status(&r, STATUS_FAILED, "the disk took only 0 MiB");
    late_tell(&r, S / 2, 4 * S);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.reason, "the time of the run ran out before its turn, and 0.5 s of 4.0 s "
                                  "were left: the disk took only 0 MiB");
    assert_int_equal(r.note_count, 1);
    assert_non_null(strstr(r.notes[0], "0.5 s and not the 4.0 s planned"));
    result_release(&r);
}

static void a_figure_from_half_the_time_is_noted_and_stays(void **state)
{
    (void)state;
    struct result r = { 0 };
    late_tell(&r, 2 * S, 4 * S);
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_int_equal(r.note_count, 1);
    result_release(&r);
}

static void a_slot_as_planned_or_nearly_so_is_not_late(void **state)
{
    (void)state;
    struct result r = { 0 };
    result_set_status(&r, STATUS_FAILED, "its own fault");
    late_tell(&r, 2 * S + 1, 4 * S);
    late_tell(&r, S / 2, S / 2);
    late_tell(&r, 30 * S, 0); /* without a plan */
    assert_int_equal(r.note_count, 0);
    assert_string_equal(r.reason, "its own fault");
    result_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_for_want_of_time_says_who_took_it),
        cmocka_unit_test(a_figure_from_half_the_time_is_noted_and_stays),
        cmocka_unit_test(a_slot_as_planned_or_nearly_so_is_not_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
