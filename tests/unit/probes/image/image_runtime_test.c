#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"
#include "tests/unit/probes/image/forge.h"

enum {
    RATE,
    FILES,
    SECONDS,
    SYNC,
    DURABLE,
    DURABLE_LAYERS,
    DELETE,
    REFERENCE,
    MEASURED,
    MODELLED
};

#define LONG_NS ((uint64_t)60 * CLK_NS_PER_S)

/* The image that they all unpack. */
static struct forge *forge;

static int open_forge(void **state)
{
    (void)state;
    forge = forge_of_an_image();
    return 0;
}

static int close_forge(void **state)
{
    (void)state;
    forge_close(forge);
    return 0;
}

static struct rig *small(void)
{
    struct rig *r = rig_open(&image_runtime);
    r->site.image = forge->image_path;
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    r->run.write_budget_bytes = 64 * RIG_MIB;
    r->result.parameters = json_object();
    return r;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fabs(b);
}

static void one_repetition_unpacks_the_set_and_its_figures_agree(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    if (rig_measure(r, LONG_NS))
        fail_msg("%s", r->e.msg);
    double bytes = r->values[RATE] * r->values[SECONDS] / CLK_NS_PER_S;
    assert_true(bytes > 1600000 && bytes < 2 << 20);
    assert_true(r->values[FILES] > 0 && r->values[SYNC] > 0);
    assert_true(r->values[MODELLED] > 0);
    assert_true(near(r->values[MEASURED] + r->values[MODELLED], r->values[SECONDS]));
    assert_true(near(r->values[SECONDS] + r->values[SYNC], r->values[DURABLE]));
    assert_true(isnan(r->values[DELETE]) && isnan(r->values[DURABLE_LAYERS]));
    assert_true(near(r->values[REFERENCE], r->values[DURABLE] * 500e6 / bytes));
    assert_int_equal(r->observed_ns[RATE], r->values[SECONDS]);
    assert_in_range(r->result.written_bytes, 1500000 + ledger_image_bytes(3),
                    1610000 + ledger_image_bytes(3));
    assert_false(r->run.done);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "3 layers"));
    assert_true(rig_noted(r, "scaled"));
    assert_true(rig_noted(r, "ext4"));
    assert_true(rig_noted(r, "How far the model is off with gzip by "));
    assert_int_equal(facts_find(&r->result.facts, "image.runtime.decoder")->kind, FACT_TEXT);
    assert_true(facts_find(&r->result.facts, "image.runtime.part")->number == 1);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    assert_non_null(json_object_get(r->result.parameters, "image_id"));
    rig_close(r);
}

static void an_image_that_is_larger_than_announced_is_not_unpacked(void **state)
{
    (void)state;
    struct rig *r = small();
    r->run.write_budget_bytes = RIG_MIB; /* and it has 1.6 MB of files */
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(r->e.msg, "its layers announce"));
    assert_true(r->result.written_bytes < RIG_MIB);
    rig_close(r);
}

static void the_write_budget_ends_the_slot(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    rig_close(r);
    r = small();
    r->run.write_budget_bytes = 5 * RIG_MIB; /* two images and their ledgers */
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 5 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, LONG_NS), 0);
    assert_true(r->run.done);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    assert_true(r->run.repetition <= 2);
    assert_true(r->values[DELETE] > 0);
    rig_close(r);
}

static void the_third_round_syncs_after_each_layer(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(r->run.done);
        assert_int_equal(rig_measure(r, LONG_NS), 0);
        assert_int_equal(isnan(r->values[DURABLE_LAYERS]), i != 2);
        assert_int_equal(isnan(r->values[SECONDS]), i == 2);
    }
    rig_close(r);
}

static void a_stop_reports_nothing_and_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, LONG_NS), 0);
    assert_true(r->run.done);
    assert_true(isnan(r->values[RATE]));
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_MEASURED); /* the runner says that it was stopped */
    rig_close(r);
}

static void a_stop_during_setup_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = small();
    r->site.image = NULL; /* the small one is to be made */
    r->stopping = 1;
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    assert_int_equal(fake_names(r->shared_path), 0);
    rig_close(r);
}

static void a_slot_that_is_too_short_is_said(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 0), 0);
    assert_true(r->run.done);
    assert_true(isnan(r->values[RATE]));
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "too short"));
    rig_close(r);
}

static void a_failure_names_place_and_layer(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(mkdirat(r->run.scratch_fd, "pull-0", 0700), 0); /* in the way */
    assert_int_equal(rig_measure(r, LONG_NS), -1);
    assert_non_null(strstr(r->e.msg, r->path));
    assert_non_null(strstr(r->e.msg, "pull-0"));
    rig_close(r);
}

static void setup_refuses_a_scratch_it_cannot_write_in(void **state)
{
    (void)state;
    struct rig *r = small();
    int shared = r->run.shared_fd;
    r->run.shared_fd = -1;
    r->site.image = "small";
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.sys, EBADF);
    r->probe->teardown(&r->run);
    r->run.shared_fd = shared;
    rig_close(r);
}

static void estimate_and_terms_go_with_the_image(void **state)
{
    (void)state;
    struct rig *r = small();
    struct probe_cost one = { 0 };
    struct probe_cost two = { 0 };
    assert_int_equal(r->probe->supported(&r->site, r->conf, &r->e), 0);
    assert_int_equal(r->probe->estimate(&r->site, r->conf, LONG_NS, &one, &r->e), 0);
    r->site.image = "reference";
    assert_int_equal(r->probe->estimate(&r->site, r->conf, LONG_NS, &two, &r->e), 0);
    assert_true(two.write_bytes > one.write_bytes && two.setup_ns > one.setup_ns);
    r->place.in_memory = true;
    assert_int_equal(r->probe->supported(&r->site, r->conf, &r->e), -1);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_repetition_unpacks_the_set_and_its_figures_agree),
        cmocka_unit_test(an_image_that_is_larger_than_announced_is_not_unpacked),
        cmocka_unit_test(the_write_budget_ends_the_slot),
        cmocka_unit_test(the_third_round_syncs_after_each_layer),
        cmocka_unit_test(a_stop_reports_nothing_and_leaves_nothing),
        cmocka_unit_test(a_stop_during_setup_leaves_nothing),
        cmocka_unit_test(a_slot_that_is_too_short_is_said),
        cmocka_unit_test(a_failure_names_place_and_layer),
        cmocka_unit_test(setup_refuses_a_scratch_it_cannot_write_in),
        cmocka_unit_test(estimate_and_terms_go_with_the_image),
    };
    return cmocka_run_group_tests(tests, open_forge, close_forge);
}
