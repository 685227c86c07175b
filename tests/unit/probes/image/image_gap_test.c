#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"

static const struct metric runtime_rows[] = {
    {"image.seconds",   UNIT_NS, METRIC_LOWER, METRIC_MEAN, "", "A made-up one."},
    { "image.modelled", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "", "A made-up one."},
    METRIC_END,
};
static const struct metric limit_rows[] = {
    {"image.limit", UNIT_NS, METRIC_LOWER, METRIC_MEAN, "", "A made-up one."},
    METRIC_END,
};

static void add(struct result_metric *m, double seconds)
{
    struct err e;
    struct result_block block = { .observed_ns = 1, .value = seconds * CLK_NS_PER_S, .n = 1 };
    assert_int_equal(result_add_block(m, &block, &e), 0);
}

static void add_seconds(struct result *r, double seconds)
{
    add(&r->metrics[0], seconds);
}

static void made(struct result r[2])
{
    struct err e;
    assert_int_equal(result_open(&r[0], "image.runtime", "A made-up one.", runtime_rows, &e), 0);
    assert_int_equal(result_open(&r[1], "image.limit", "A made-up one.", limit_rows, &e), 0);
}

/* Runs the probe over two results and releases them. */
static struct rig *concluded(struct result earlier[2])
{
    struct rig *rig = rig_open(&image_gap);
    rig->run.earlier = earlier;
    rig->run.earlier_count = 2;
    assert_int_equal(image_gap.measure(&rig->run, &rig->e), 0);
    image_gap.judge(&rig->run);
    result_release(&earlier[0]);
    result_release(&earlier[1]);
    return rig;
}

static void the_gap_is_of_the_medians(void **state)
{
    (void)state;
    struct result earlier[2] = { 0 };
    made(earlier);
    add_seconds(&earlier[0], 6.0);
    add_seconds(&earlier[0], 6.6);
    add_seconds(&earlier[0], 60.0);
    add_seconds(&earlier[1], 1.1);
    struct rig *rig = concluded(earlier);
    const struct fact *gap = facts_find(&rig->result.facts, "image.gap");
    assert_non_null(gap);
    assert_float_equal(gap->number, 6.0, 1e-9);
    assert_string_equal(rig->result.notes[0],
                        "A container runtime takes 6.60 s for this image, and this host can do it "
                        "in 1.10 s: the runtime leaves a factor of 6.0 on the table.");
    rig_close(rig);
}

static void what_is_behind_the_figures_is_said(void **state)
{
    (void)state;
    struct result earlier[2] = { 0 };
    made(earlier);
    add_seconds(&earlier[0], 4.0);
    add_seconds(&earlier[0], 4.0);
    add(&earlier[0].metrics[1], 1.0);
    add(&earlier[0].metrics[1], 1.0);
    add_seconds(&earlier[1], 1.0);
    assert_int_equal(facts_set_number(&earlier[0].facts, "image.runtime.part", 1, UNIT_RATIO, NULL),
                     0);
    assert_int_equal(
        facts_set_number(&earlier[1].facts, "image.limit.part", 0.25, UNIT_RATIO, NULL), 0);
    result_set_status(&earlier[1], STATUS_UNTRUSTED, "the disk was busy");
    struct rig *rig = concluded(earlier);
    assert_string_equal(rig->result.notes[1],
                        "Behind them: unpackings by image.runtime: 2, whose time is by 25 % "
                        "modelled and not measured; by image.limit: 1.");
    assert_true(rig_noted(rig, "image.limit unpacked 25 % of the image"));
    assert_false(rig_noted(rig, "image.runtime unpacked"));
    assert_int_equal(rig->result.status, STATUS_UNTRUSTED);
    assert_string_equal(rig->result.reason, "image.limit is untrusted: the disk was busy");
    rig_close(rig);
}

static void without_one_of_them_it_says_which(void **state)
{
    (void)state;
    struct result earlier[2] = { 0 };
    made(earlier);
    add_seconds(&earlier[0], 6.0);
    struct rig *rig = concluded(earlier);
    assert_int_equal(facts_find(&rig->result.facts, "image.gap")->kind, FACT_UNKNOWN);
    assert_string_equal(rig->result.notes[0],
                        "Not concluded: image.limit has no figure; give a longer --budget.");
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gap_is_of_the_medians),
        cmocka_unit_test(what_is_behind_the_figures_is_said),
        cmocka_unit_test(without_one_of_them_it_says_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
