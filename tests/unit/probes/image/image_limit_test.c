#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"
#include "tests/unit/probes/image/forge.h"

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

static struct rig *small(unsigned cpus)
{
    struct rig *r = rig_open(&image_limit);
    r->site.image = forge->image_path;
    r->site.cpus = cpus;
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    r->run.write_budget_bytes = 64 * RIG_MIB;
    r->result.parameters = json_object();
    return r;
}

static double value(const struct rig *r, const char *id)
{
    return r->values[metric_find(image_limit.metrics, id) - image_limit.metrics];
}

static void the_figures_of_one_unpacking_agree(void **state)
{
    (void)state;
    static const char *const parts[] = { "image.share.read",     "image.share.inflate",
                                         "image.share.hash",     "image.share.parse",
                                         "image.share.metadata", "image.share.data",
                                         "image.share.sync" };
    double sum = 0;
    struct rig *r = small(2);
    assert_int_equal(rig_setup(r), 0);
    if (rig_measure(r, LONG_NS))
        fail_msg("%s", r->e.msg);
    double bytes = value(r, "image.limit") * value(r, "image.limit.rate") / CLK_NS_PER_S;
    assert_true(bytes > 1600000 && bytes < 2 << 20);
    assert_true(value(r, "image.limit.durable") >= value(r, "image.limit"));
    assert_true(value(r, "image.limit.cpu") > 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        sum += value(r, parts[i]);
    assert_true(fabs(sum - 1) < 1e-9);
    /* Two CPUs: two layers at a time is this one. */
    assert_true(value(r, "image.limit.parallel2") == value(r, "image.limit.rate"));
    assert_true(isnan(value(r, "image.limit.parallel1")));
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_MEASURED);
    assert_true(rig_noted(r, "3 layers"));
    assert_true(rig_noted(r, "The limit is"));
    assert_non_null(facts_find(&r->result.facts, "image.limit.by"));
    assert_true(facts_find(&r->result.facts, "image.limit.part")->number == 1);
    rig_close(r);
}

static void fewer_layers_at_a_time_and_synced_ones_follow(void **state)
{
    (void)state;
    /* Three layers: never four at a time. */
    static const char *const steps[] = { "image.limit", "image.limit.parallel1",
                                         "image.limit.parallel2", "image.limit.durable.layers",
                                         "image.limit" };
    struct rig *r = small(4);
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (rig_measure(r, LONG_NS))
            fail_msg("%s", r->e.msg);
        if (i > 0)
            assert_true(!isnan(value(r, steps[i])));
        assert_true(isnan(value(r, "image.limit")) == (i > 0 && i < 4));
    }
    rig_close(r);
}

static void an_image_that_is_larger_than_announced_is_not_unpacked(void **state)
{
    (void)state;
    struct rig *r = small(2);
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
    struct rig *r = small(2);
    r->run.write_budget_bytes = 4 * RIG_MIB; /* two unpackings */
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 5 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, LONG_NS), 0);
    assert_true(r->run.done);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    assert_true(r->run.repetition <= 2);
    rig_close(r);
}

static void a_stop_reports_nothing_and_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = small(2);
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, LONG_NS), 0);
    assert_true(r->run.done);
    assert_true(isnan(value(r, "image.limit")));
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_MEASURED); /* the runner says that it was stopped */
    rig_close(r);
}

static void a_slot_that_is_too_short_is_said(void **state)
{
    (void)state;
    struct rig *r = small(2);
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 0), 0);
    assert_true(r->run.done);
    assert_true(isnan(value(r, "image.limit")));
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "too short"));
    rig_close(r);
}

static void a_failure_names_place_and_directory(void **state)
{
    (void)state;
    struct rig *r = small(2);
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(mkdirat(r->run.scratch_fd, "limit-0", 0700), 0); /* in the way */
    assert_int_equal(rig_measure(r, LONG_NS), -1);
    assert_non_null(strstr(r->e.msg, r->path));
    assert_non_null(strstr(r->e.msg, "limit-0"));
    assert_int_equal(unlinkat(r->run.scratch_fd, "limit-0", AT_REMOVEDIR), 0);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_figures_of_one_unpacking_agree),
        cmocka_unit_test(fewer_layers_at_a_time_and_synced_ones_follow),
        cmocka_unit_test(an_image_that_is_larger_than_announced_is_not_unpacked),
        cmocka_unit_test(the_write_budget_ends_the_slot),
        cmocka_unit_test(a_stop_reports_nothing_and_leaves_nothing),
        cmocka_unit_test(a_slot_that_is_too_short_is_said),
        cmocka_unit_test(a_failure_names_place_and_directory),
    };
    return cmocka_run_group_tests(tests, open_forge, close_forge);
}
