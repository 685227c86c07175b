#include "reports/grade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void unfit_is_worst_and_unknown_worse_than_marginal(void **state)
{
    (void)state;

    static const enum grade order[] = { GRADE_FIT, GRADE_MARGINAL, GRADE_UNKNOWN, GRADE_UNFIT };

    for (unsigned a = 0; a < 4; a++) {
        for (unsigned b = 0; b < 4; b++)
            assert_int_equal(grade_worse(order[a], order[b]), order[a > b ? a : b]);
    }
}

static void anything_known_is_better_than_unknown(void **state)
{
    (void)state;

    static const enum grade order[] = { GRADE_FIT, GRADE_MARGINAL, GRADE_UNFIT, GRADE_UNKNOWN };

    for (unsigned a = 0; a < 4; a++) {
        for (unsigned b = 0; b < 4; b++)
            assert_int_equal(grade_better(order[a], order[b]), order[a < b ? a : b]);
    }
}

static void names_are_those_of_the_report(void **state)
{
    (void)state;
    assert_string_equal(grade_name(GRADE_FIT), "fit");
    assert_string_equal(grade_name(GRADE_MARGINAL), "marginal");
    assert_string_equal(grade_name(GRADE_UNFIT), "unfit");
    assert_string_equal(grade_name(GRADE_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfit_is_worst_and_unknown_worse_than_marginal),
        cmocka_unit_test(anything_known_is_better_than_unknown),
        cmocka_unit_test(names_are_those_of_the_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
