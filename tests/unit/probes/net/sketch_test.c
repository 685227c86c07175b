#include "probes/net/sketch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_value_is_known_to_a_64th(void **state)
{
    (void)state;
    for (double v = 1024; v < 60e9; v *= 1.37) {
        struct sketch s = { .total = 0 };
        sketch_record(&s, (uint64_t)v);
        double told = (double)sketch_quantile(&s, 0.5);
        assert_true(fabs(told - v) <= v / 64 + 1);
    }
}

static void quantiles_are_by_nearest_rank(void **state)
{
    (void)state;
    struct sketch s = { .total = 0 };
    assert_int_equal(sketch_quantile(&s, 0.5), 0);
    for (unsigned i = 0; i < 98; i++)
        sketch_record(&s, 100000);
    sketch_record(&s, 5000000);
    sketch_record(&s, 9000000);
    assert_true(sketch_quantile(&s, 0.5) < 102000);
    assert_true(sketch_quantile(&s, 0.98) < 102000);
    assert_true(sketch_quantile(&s, 0.99) > 4900000 && sketch_quantile(&s, 0.99) < 5100000);
    assert_true(sketch_quantile(&s, 1) > 8800000);
}

static void what_lies_outside_counts_as_the_nearest(void **state)
{
    (void)state;
    struct sketch s = { .total = 0 };
    sketch_record(&s, 0);
    assert_true(sketch_quantile(&s, 1) < 1060);
    sketch_record(&s, UINT64_MAX);
    assert_true(sketch_quantile(&s, 1) > UINT64_C(67000000000));
    assert_int_equal(s.total, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_known_to_a_64th),
        cmocka_unit_test(quantiles_are_by_nearest_rank),
        cmocka_unit_test(what_lies_outside_counts_as_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
