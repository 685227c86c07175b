#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"

#define MS ((uint64_t)CLK_NS_PER_MS)
#define S  ((uint64_t)CLK_NS_PER_S)

enum {
    LATENCY,
    IOPS
};

static void estimate(struct rig *r)
{
    struct probe_cost cost = { 0 };
    assert_int_equal(r->probe->estimate(&r->site, r->conf, r->run.slot_ns, &cost, &r->e), 0);
    r->run.write_budget_bytes = cost.write_bytes;
}

/*
 * A rig with its budget and room for a file of 32 MiB, which it has 12 s to fill. Skipped where the
 * directory has no O_DIRECT.
 */
static struct rig *small(void)
{
    struct rig *r = rig_open(&disk_burst);
    r->place.free_bytes = (10 * 1024 + 64) * RIG_MIB;
    if (r->probe->supported(&r->site, r->conf, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        rig_close(r);
        skip();
    }
    r->run.slot_ns = 60 * S;
    estimate(r);
    return r;
}

static void the_file_and_the_budget_follow_the_time(void **state)
{
    (void)state;
    struct rig *r = rig_open(&disk_burst);
    r->run.slot_ns = 10 * S;
    estimate(r);
    assert_int_equal(r->run.write_budget_bytes, (160 + 10 * 128) * RIG_MIB);
    rig_set(r, "rate", "1MiB");
    r->run.slot_ns = 600 * S;
    estimate(r);
    assert_int_equal(r->run.write_budget_bytes, (1024 + 600) * RIG_MIB);
    r->place.free_bytes = 10 * 1024 * RIG_MIB + 100 * RIG_MIB; /* 100 MiB may be written */
    estimate(r);
    assert_int_equal(r->run.write_budget_bytes, (50 + 600) * RIG_MIB);
    rig_close(r);
}

static void a_second_has_its_rate(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(r->result.written_bytes, 32 * RIG_MIB);
    r->run.slot_end_ns = clk_now_ns() + 60 * S;
    assert_int_equal(rig_measure(r, 60 * MS), 0);
    assert_true(r->hists[LATENCY].total > 0);
    assert_true(r->values[IOPS] > 0);
    assert_true(r->result.written_bytes > 32 * RIG_MIB);
    assert_false(r->run.done);
    rig_close(r);
}

/* 100 blocks for ten seconds: ten for the first. */
static void a_second_writes_its_share_of_the_budget_alone(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->run.write_budget_bytes = 32 * RIG_MIB + 100 * 4096;
    r->run.slot_end_ns = clk_now_ns() + 10 * S;
    assert_int_equal(rig_measure(r, 100 * MS), 0);
    assert_in_range(r->result.written_bytes, 32 * RIG_MIB, 32 * RIG_MIB + 10 * 4096);
    rig_close(r);
}

static void the_budget_is_kept_to_the_byte(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->run.write_budget_bytes = 32 * RIG_MIB + 5 * 4096 + 17;
    r->run.slot_end_ns = clk_now_ns(); /* all that is left, at once */
    for (int i = 0; i < 100 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, 200 * MS), 0);
    assert_true(r->run.done);
    assert_int_equal(r->result.written_bytes, 32 * RIG_MIB + 5 * 4096);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Ended early: the write budget of 32 MiB was used up."));
    rig_close(r);
}

static void what_was_chosen_stands_among_the_parameters(void **state)
{
    (void)state;
    struct rig *r = small();
    rig_set(r, "engine", "sync");
    r->result.parameters = opt_parameters(r->probe->opts, r->conf);
    assert_int_equal(rig_setup(r), 0);
    r->probe->judge(&r->run);
    json_t *told = r->result.parameters;
    assert_string_equal(json_string_value(json_object_get(told, "engine_used")), "sync");
    assert_string_equal(json_string_value(json_object_get(told, "engine_reason")),
                        "pread and pwrite, as asked");
    assert_int_equal(json_integer_value(json_object_get(told, "file_used")), 32 * RIG_MIB);
    rig_close(r);
}

static void few_seconds_tell_nothing_of_the_rate(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = clk_now_ns() + 60 * S;
    assert_int_equal(rig_measure(r, 30 * MS), 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "1 s are too few to tell whether the rate holds"));
    bool plain = rig_noted(r, "I/O by pread and pwrite"); /* has no queue */
    assert_true(rig_noted(r, plain ? "closed loop, depth 1." : "closed loop, depth 32."));
    assert_true(rig_noted(r, "Clock: "));
    rig_close(r);
}

/* Without a disk: two readings of the clock are most of what a write takes. */
static struct rig *without_a_disk(const char *depth)
{
    struct rig *r = small();
    rig_set(r, "engine", "null");
    rig_set(r, "depth", depth);
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = clk_now_ns() + 60 * S;
    r->run.write_budget_bytes = UINT64_C(1) << 50; /* lasts beyond the warm-up */
    assert_int_equal(rig_measure(r, 60 * MS), 0);
    return r;
}

static void our_own_cost_is_not_believed(void **state)
{
    (void)state;
    struct rig *r = without_a_disk("1");
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "disk.burst: reading the clock twice takes"));
    rig_close(r);
    r = without_a_disk("256"); /* among so many the clock weighs little */
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "these figures are our own cost"));
    rig_close(r);
}

static void a_stop_ends_the_second_and_its_rest(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, 600 * S), 0);
    assert_int_equal(r->hists[LATENCY].total, 0);
    rig_close(r);
}

static void it_is_for_long_runs(void **state)
{
    (void)state;
    assert_int_equal(disk_burst.budget_min_ns, 300 * S);
    assert_true(disk_burst.repetition_ns >= S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_and_the_budget_follow_the_time),
        cmocka_unit_test(a_second_has_its_rate),
        cmocka_unit_test(a_second_writes_its_share_of_the_budget_alone),
        cmocka_unit_test(the_budget_is_kept_to_the_byte),
        cmocka_unit_test(what_was_chosen_stands_among_the_parameters),
        cmocka_unit_test(few_seconds_tell_nothing_of_the_rate),
        cmocka_unit_test(our_own_cost_is_not_believed),
        cmocka_unit_test(a_stop_ends_the_second_and_its_rest),
        cmocka_unit_test(it_is_for_long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
