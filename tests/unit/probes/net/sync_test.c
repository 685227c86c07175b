#include "probes/net/sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/clk.h"
#include "probes/net/stamp.h"

static void estimate_is_valid_and_bounded_whatever_the_clock(void **state)
{
    (void)state;
    uint16_t estimate = sync_error_estimate();
    assert_true((estimate & 0xff) != 0);
    assert_false(stamp_is_ptp(estimate));
    assert_true(stamp_error_ns(estimate) > 0);
    /* The kernel's limit is 16 s, and the estimate rounds up by less than a hundredth. */
    assert_true(stamp_error_ns(estimate) <= 17 * (uint64_t)CLK_NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimate_is_valid_and_bounded_whatever_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
