#include "probes/kit/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void kind_names_lead_back_to_kinds(void **state)
{
    (void)state;

    static const enum metric_kind kinds[] = { METRIC_HIST, METRIC_MEAN, METRIC_MAX, METRIC_SUM,
                                              METRIC_EVENTS };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_equal(metric_kind_of_name(metric_kind_name(kinds[i])), (int)kinds[i]);
    }
    assert_string_equal(metric_kind_name(METRIC_HIST), "histogram");
    assert_string_equal(metric_kind_name(METRIC_MAX), "maximum");
    assert_string_equal(metric_kind_name(METRIC_EVENTS), "events");
    assert_int_equal(metric_kind_of_name("median"), -1);
    assert_int_equal(metric_kind_of_name(""), -1);
}

static void better_names_lead_back(void **state)
{
    (void)state;

    static const enum metric_better betters[] = { METRIC_LOWER, METRIC_HIGHER, METRIC_NEITHER };

    for (size_t i = 0; i < sizeof(betters) / sizeof(betters[0]); i++) {
        assert_int_equal(metric_better_of_name(metric_better_name(betters[i])), (int)betters[i]);
    }
    assert_string_equal(metric_better_name(METRIC_HIGHER), "higher");
    assert_int_equal(metric_better_of_name("Higher"), -1);
}

static void find_compares_whole_ids(void **state)
{
    (void)state;
    static const struct metric table[] = {
        {.id = "disk.wal",       .unit = UNIT_NS   },
        { .id = "disk.wal.rate", .unit = UNIT_PER_S},
        METRIC_END
    };
    static const struct metric none[] = { METRIC_END };
    assert_ptr_equal(metric_find(table, "disk.wal"), &table[0]);
    assert_ptr_equal(metric_find(table, "disk.wal.rate"), &table[1]);
    assert_null(metric_find(table, "disk.wa"));
    assert_null(metric_find(table, "disk.wal.sync"));
    assert_null(metric_find(none, "disk.wal"));
    assert_null(metric_find(NULL, "disk.wal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_names_lead_back_to_kinds),
        cmocka_unit_test(better_names_lead_back),
        cmocka_unit_test(find_compares_whole_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
