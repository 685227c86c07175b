#include "bench/vigil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/clk.h"

static const struct opt_list none = { 0 };
static const struct probe_site here = { .name = "", .home = &here, .dir = "/tmp" };
static const struct probe_site *const sites[] = { &here };

static void plan_of(const char *probe, struct plan *p)
{
    struct err e = { 0 };
    struct opt_list names = { .items = { probe }, .count = 1 };
    struct plan_wish wish = { .names = &names,
                              .sets = &none,
                              .peers = &none,
                              .budget_ns = 60 * (uint64_t)CLK_NS_PER_S,
                              .sites = sites,
                              .site_count = 1 };
    assert_int_equal(plan_make(&wish, p, &e), 0);
}

/* The message, where noise.gap refuses it. */
static const char *refusal(const char *spin)
{
    static struct err e;
    struct plan p;
    struct vigil v = { .spin = spin };
    plan_of("noise.gap", &p);
    assert_int_equal(vigil_apply(&v, &p, &e), 0);
    struct plan_item *item = plan_find(&p, "noise.gap");
    int refused = item->probe->supported(&here, item->conf, &e);
    plan_release(&p);
    return refused && e.kind == ERR_USAGE ? e.msg : NULL;
}

static void a_share_reaches_the_probe_as_typed(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct vigil v = { .spin = "80 %" };
    plan_of("noise.gap", &p);
    assert_int_equal(vigil_apply(&v, &p, &e), 0);
    struct plan_item *item = plan_find(&p, "noise.gap");
    json_t *parameters = opt_parameters(item->probe->opts, item->conf);
    assert_string_equal(json_string_value(json_object_get(parameters, "spin")), "80 %");
    json_decref(parameters);
    plan_release(&p);
}

static void none_given_leaves_a_quarter(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct vigil v = { 0 };
    plan_of("noise.gap", &p);
    assert_int_equal(vigil_apply(&v, &p, &e), 0);
    json_t *parameters = opt_parameters(p.items[0].probe->opts, p.items[0].conf);
    assert_string_equal(json_string_value(json_object_get(parameters, "spin")), "25%");
    json_decref(parameters);
    plan_release(&p);
}

static void shares_from_one_to_a_hundred_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = { "1%", "25 %", "0.5", "100%", "1", NULL };
    static const char *const bad[] = { "0", "0.5%", "101%", "2", "much", "-5%" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(refusal(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *says = refusal(bad[i]);
        if (!says || !strstr(says, "--spin"))
            fail_msg("'%s' is taken, or the option is not named: %s", bad[i], says ? says : "-");
    }
}

static void a_plan_without_the_probe_takes_anything(void **state)
{
    (void)state;
    struct plan p;
    struct err e = { 0 };
    struct vigil v = { .spin = "100%" };
    plan_of("noise.stall", &p);
    assert_int_equal(vigil_apply(&v, &p, &e), 0);
    plan_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_reaches_the_probe_as_typed),
        cmocka_unit_test(none_given_leaves_a_quarter),
        cmocka_unit_test(shares_from_one_to_a_hundred_are_taken),
        cmocka_unit_test(a_plan_without_the_probe_takes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
