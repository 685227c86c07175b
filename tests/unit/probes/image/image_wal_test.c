#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/image/image.h"
#include "tests/unit/probes/disk/rig.h"

enum {
    WAL,
    RATE
};

#define LONG_NS ((uint64_t)60 * CLK_NS_PER_S)

static struct rig *small(void)
{
    struct rig *r = rig_open(&image_wal);
    rig_set(r, "size", "1MiB");
    rig_set(r, "layers", "2");
    rig_set(r, "level", "1");
    r->run.slot_ns = CLK_NS_PER_S; /* 64 MiB of log; the end of the slot is later */
    r->run.slot_end_ns = clk_now_ns() + LONG_NS;
    r->run.write_budget_bytes = 64 * RIG_MIB + 12 * RIG_MIB;
    return r;
}

/* The sets are used up sooner or later, and with them the slot. */
static void appends_are_recorded_until_the_layers_are_unpacked(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    if (rig_measure(r, LONG_NS))
        fail_msg("%s", r->e.msg);
    assert_true(r->run.done);
    assert_true(r->hists[WAL].total > 0);
    assert_true(r->values[RATE] > 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "whole sets were unpacked"));
    assert_int_not_equal(r->result.status, STATUS_FAILED);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    assert_true(r->result.written_bytes > r->hists[WAL].total * 2300 + RIG_MIB);
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
    assert_int_equal(image_extract.estimate(&r->site, r->conf, CLK_NS_PER_S, &layers, &r->e), 0);
    assert_int_equal(both.write_bytes - layers.write_bytes, 64 * RIG_MIB);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_recorded_until_the_layers_are_unpacked),
        cmocka_unit_test(no_set_unpacked_is_no_measurement),
        cmocka_unit_test(unpacking_that_fails_is_a_failure_with_its_reason),
        cmocka_unit_test(a_stop_ends_both),
        cmocka_unit_test(a_stop_during_setup_leaves_nothing),
        cmocka_unit_test(setup_without_a_repetition_leaves_nothing),
        cmocka_unit_test(estimate_covers_log_and_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
