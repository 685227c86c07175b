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
    WAL,
    RATE,
    WAL_ALONE,
    FACTOR,
    STALL,
    STALL_ALONE
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
    struct rig *r = rig_open(&image_wal);
    r->site.image = forge->image_path;
    r->run.slot_ns = CLK_NS_PER_S; /* 64 MiB of log; the end of the slot is later */
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    r->run.write_budget_bytes = 64 * RIG_MIB + 12 * RIG_MIB;
    return r;
}

/* The next repetition is the first beside unpacking. */
static void pass_over_alone(struct rig *r)
{
    r->run.slot_end_ns = clk_now_ns();
    assert_int_equal(rig_measure(r, 0), 0);
    r->run.done = false;
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
}

/* The sets are used up sooner or later, and with them the slot. */
static void appends_are_recorded_until_the_layers_are_unpacked(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    pass_over_alone(r);
    if (rig_measure(r, LONG_NS))
        fail_msg("%s", r->e.msg);
    assert_true(r->run.done);
    assert_true(r->hists[WAL].total > 0);
    assert_true(r->values[RATE] > 0);
    assert_int_equal(r->hists[WAL_ALONE].total, 0);
    assert_int_equal(r->hists[STALL_ALONE].total, 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "whole sets were unpacked"));
    assert_int_not_equal(r->result.status, STATUS_FAILED);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    assert_true(r->result.written_bytes > r->hists[WAL].total * 2300 + RIG_MIB);
    assert_true(isnan(r->values[FACTOR])); /* it is the judge's */
    rig_close(r);
}

static void the_first_part_is_alone(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    do {
        assert_int_equal(rig_measure(r, 20 * (uint64_t)CLK_NS_PER_MS), 0);
        assert_int_equal(r->hists[WAL].total, 0);
    } while (r->hists[WAL_ALONE].total == 0 || r->hists[STALL_ALONE].total == 0);
    assert_int_equal(r->hists[STALL].total, 0);
    assert_true(isnan(r->values[RATE]));
    assert_false(r->run.done);
    struct stat st;
    assert_int_equal(fstatat(r->run.scratch_fd, "pull-0", &st, 0), -1);
    rig_close(r);
}

static void without_enough_appends_there_is_no_factor(void **state)
{
    (void)state;
    struct rig *r = small();
    const struct result_metric *m = result_metric_find(&r->result, "image.wal.factor");
    assert_int_equal(rig_setup(r), 0);
    pass_over_alone(r);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "No image.wal.factor"));
    assert_int_equal(m->block_count, 0);
    rig_close(r);
}

/* One hundred of both sorts make it: p99 over p99. */
static void the_factor_is_of_all_appends(void **state)
{
    (void)state;
    struct rig *r = small();
    const struct result_metric *m = result_metric_find(&r->result, "image.wal.factor");
    struct hist alone = { 0 };
    struct hist beside = { 0 };
    assert_int_equal(hist_open(&alone, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e), 0);
    assert_int_equal(hist_open(&beside, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e), 0);
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = clk_now_ns() + 600 * (uint64_t)CLK_NS_PER_MS;
    while (!r->run.done) {
        assert_int_equal(rig_measure(r, 20 * (uint64_t)CLK_NS_PER_MS), 0);
        hist_merge(&alone, &r->hists[WAL_ALONE]);
        hist_merge(&beside, &r->hists[WAL]);
    }
    r->probe->judge(&r->run);
    bool enough = alone.total >= 100 && beside.total >= 100;
    assert_int_equal(m->block_count, enough);
    assert_int_equal(rig_noted(r, "No image.wal.factor"), !enough);
    assert_int_equal(rig_noted(r, "image.wal.factor is of "), enough);
    if (enough)
        assert_true(m->blocks[0].value ==
                    (double)hist_quantile(&beside, 0.99) / (double)hist_quantile(&alone, 0.99));
    hist_release(&alone);
    hist_release(&beside);
    rig_close(r);
}

static void no_set_unpacked_is_no_measurement(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 0), 0);
    r->stopping = 0;
    r->probe->judge(&r->run);
    /* The thread may have been quick; then there are too few appends. */
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    rig_close(r);
}

static void unpacking_that_fails_is_a_failure_with_its_reason(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(mkdirat(r->run.scratch_fd, "pull-0", 0700), 0); /* in the way */
    r->run.slot_end_ns = clk_now_ns();                               /* nothing is measured alone */
    assert_int_equal(rig_measure(r, LONG_NS), -1);
    assert_true(r->run.done);
    assert_non_null(strstr(r->e.msg, "pull-0"));
    assert_non_null(strstr(r->e.msg, r->path));
    rig_close(r);
}

static void a_stop_ends_both(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, LONG_NS), 0);
    assert_int_equal(r->hists[WAL].total, 0);
    rig_close(r);
}

static void a_stop_during_setup_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = small();
    r->site.image = "small"; /* which is to be made */
    r->stopping = 1;
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    rig_close(r);
}

static void setup_without_a_repetition_leaves_nothing(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    rig_close(r);
}

static void estimate_covers_log_and_layers(void **state)
{
    (void)state;
    struct rig *r = small();
    struct probe_cost both = { 0 };
    struct probe_cost layers = { 0 };
    assert_int_equal(r->probe->supported(&r->site, r->conf, &r->e), 0);
    assert_int_equal(r->probe->estimate(&r->site, r->conf, CLK_NS_PER_S, &both, &r->e), 0);
    assert_int_equal(image_runtime.estimate(&r->site, r->conf, CLK_NS_PER_S, &layers, &r->e), 0);
    assert_int_equal(both.write_bytes - layers.write_bytes, 64 * RIG_MIB);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_recorded_until_the_layers_are_unpacked),
        cmocka_unit_test(the_first_part_is_alone),
        cmocka_unit_test(without_enough_appends_there_is_no_factor),
        cmocka_unit_test(the_factor_is_of_all_appends),
        cmocka_unit_test(no_set_unpacked_is_no_measurement),
        cmocka_unit_test(unpacking_that_fails_is_a_failure_with_its_reason),
        cmocka_unit_test(a_stop_ends_both),
        cmocka_unit_test(a_stop_during_setup_leaves_nothing),
        cmocka_unit_test(setup_without_a_repetition_leaves_nothing),
        cmocka_unit_test(estimate_covers_log_and_layers),
    };
    return cmocka_run_group_tests(tests, open_forge, close_forge);
}
