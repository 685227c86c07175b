#include "bench/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/limits.h"
#include "probes/kit/clk.h"

static const struct opt_list none = { 0 };

static void no_names_mean_all_probes(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    assert_int_equal(plan_make(&none, &none, NULL, &p, &e), 0);
    assert_non_null(plan_find(&p, "disk.wal"));
    assert_non_null(plan_find(&p, "noise.stall"));
    plan_release(&p);
    plan_release(&p);
}

static void a_misspelt_probe_is_named_with_its_neighbour(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = { .items = { "disk.wall" }, .count = 1 };
    assert_int_equal(plan_make(&names, &none, NULL, &p, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "did you mean 'disk.wal'"));
    plan_release(&p);
}

static void set_reaches_the_option(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list sets = { .items = { "disk.wal.record=8000" }, .count = 1 };
    assert_int_equal(plan_make(&none, &sets, NULL, &p, &e), 0);
    struct plan_item *item = plan_find(&p, "disk.wal");
    json_t *parameters = opt_parameters(item->probe->opts, item->conf);
    assert_int_equal(json_integer_value(json_object_get(parameters, "record")), 8000);
    json_decref(parameters);
    plan_release(&p);
}

static void set_refuses_what_is_not_there(void **state)
{
    (void)state;
    static const char *const wrong[] = { "record=1",           "disk.wal.record",
                                         "disk.wall.record=1", "disk.wal.recrod=1",
                                         "disk.wal.record=0",  "disk.wal.record=many" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct plan p;
        struct err e = { 0 };
        struct opt_list sets = { .items = { wrong[i] }, .count = 1 };
        assert_int_equal(plan_make(&none, &sets, NULL, &p, &e), -1);
        assert_non_null(strstr(e.msg, "--set"));
        plan_release(&p);
    }
}

static void slots_share_the_time_by_weight(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    uint64_t left = 60 * (uint64_t)CLK_NS_PER_S;
    assert_int_equal(plan_make(&none, &none, NULL, &p, &e), 0);
    for (unsigned i = 0; i < p.count; i++) {
        uint64_t slot = plan_slot_ns(&p, i, left);
        if (p.items[i].probe->weight == 0) {
            assert_int_equal(slot, BENCH_ONCE_NS);
            continue;
        }
        assert_true(slot <= left && slot >= BENCH_SLOT_NS_MIN);
        left -= slot;
    }
    assert_true(left <= CLK_NS_PER_US); /* all of it is shared out */
    plan_release(&p);
}

static void a_late_round_still_gives_the_shortest_slot(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct opt_list names = { .items = { "disk.wal" }, .count = 1 };
    assert_int_equal(plan_make(&names, &none, NULL, &p, &e), 0);
    assert_int_equal(plan_slot_ns(&p, 0, 0), BENCH_SLOT_NS_MIN);
    plan_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_names_mean_all_probes),
        cmocka_unit_test(a_misspelt_probe_is_named_with_its_neighbour),
        cmocka_unit_test(set_reaches_the_option),
        cmocka_unit_test(set_refuses_what_is_not_there),
        cmocka_unit_test(slots_share_the_time_by_weight),
        cmocka_unit_test(a_late_round_still_gives_the_shortest_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
