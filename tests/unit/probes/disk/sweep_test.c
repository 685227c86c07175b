#include "probes/disk/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"

#define MS ((uint64_t)CLK_NS_PER_MS)
#define S  ((uint64_t)CLK_NS_PER_S)

static struct sweep_size size_at(uint64_t memory_mib, uint64_t free_mib, uint64_t slot_ns,
                                 uint64_t file_bytes, bool write)
{
    struct place place = rig_place();
    place.free_bytes = free_mib * RIG_MIB;
    struct probe_site site = { .place = &place, .memory_bytes = memory_mib * RIG_MIB };
    struct ground_conf conf = { .engine = "auto", .file_bytes = file_bytes };
    return sweep_size(&site, &conf, slot_ns, write);
}

static void the_file_follows_memory_time_and_space(void **state)
{
    (void)state;
    uint64_t roomy = 50 * 1024;
    assert_int_equal(size_at(512, roomy, 10 * S, 0, false).file_bytes, 256 * RIG_MIB);
    assert_int_equal(size_at(2048, roomy, 10 * S, 0, false).file_bytes, 512 * RIG_MIB);
    assert_int_equal(size_at(64 * 1024, roomy, 60 * S, 0, false).file_bytes, 1024 * RIG_MIB);
    assert_int_equal(size_at(64 * 1024, roomy, 5 * S, 0, false).file_bytes, 320 * RIG_MIB);
    /* 10 GiB of 100 GiB stay free: 100 MiB may be written, and half of that is taken. */
    assert_int_equal(size_at(2048, 10 * 1024 + 100, 10 * S, 0, false).file_bytes, 50 * RIG_MIB);
    assert_int_equal(size_at(2048, roomy, 10 * S, 3 * RIG_MIB, false).file_bytes, 16 * RIG_MIB);
    assert_int_equal(size_at(2048, roomy, 10 * S, 3000 * RIG_MIB + 1, false).file_bytes,
                     3000 * RIG_MIB);
}

static void the_note_says_what_decided_the_size(void **state)
{
    (void)state;
    uint64_t roomy = 50 * 1024;
    assert_string_equal(size_at(2048, roomy, 10 * S, 0, false).by, "a quarter of memory");
    assert_string_equal(size_at(64 * 1024, roomy, 5 * S, 0, false).by, "what its time allows");
    assert_string_equal(size_at(64 * 1024, roomy, 60 * S, 0, false).by,
                        "the most it takes by itself");
    assert_string_equal(size_at(512, roomy, 10 * S, 0, false).by, "the least it takes by itself");
    assert_string_equal(size_at(2048, 10 * 1024 + 100, 10 * S, 0, false).by,
                        "half of what may be written there");
    assert_string_equal(size_at(2048, roomy, 10 * S, 64 * RIG_MIB, false).by, "as asked for");
}

static void only_the_write_probe_writes_beyond_the_file(void **state)
{
    (void)state;
    struct sweep_size r = size_at(2048, 50 * 1024, 10 * S, 0, false);
    struct sweep_size w = size_at(2048, 50 * 1024, 10 * S, 0, true);
    assert_int_equal(r.write_bytes, r.file_bytes);
    assert_int_equal(w.write_bytes, w.file_bytes + 1280 * RIG_MIB);
}

static struct rig *small(const struct probe *probe)
{
    struct rig *r = rig_open(probe);
    struct err e;
    rig_set(r, "file", "16MiB");
    if (probe->supported(&r->site, r->conf, &e)) {
        print_message("skipped: %s\n", e.msg);
        rig_close(r);
        skip();
    }
    struct probe_cost cost = { 0 };
    assert_int_equal(probe->estimate(&r->site, r->conf, r->run.slot_ns, &cost, &e), 0);
    r->run.write_budget_bytes = cost.write_bytes;
    return r;
}

/* As the runner keeps it; the rig keeps no blocks. */
static void keep(struct rig *r, unsigned row, double value)
{
    struct result_block block = { .observed_ns = MS, .value = value, .n = 1 };
    assert_int_equal(result_add_block(&r->result.metrics[row], &block, &r->e), 0);
}

/* The one depth that a repetition measured, or TURNS_PACED; only that. */
static unsigned measured(const struct rig *r)
{
    unsigned found = CURVE_NONE;
    for (unsigned i = 0; i < CURVE_DEPTHS; i++) {
        bool here = r->hists[sweep_row(i)].total > 0;
        assert_true(here || isnan(r->values[sweep_row(i) + 1]));
        assert_false(here && found != CURVE_NONE);
        found = here ? i : found;
    }
    if (r->probe == &disk_read && r->hists[SWEEP_PACED].total > 0) {
        assert_int_equal(found, CURVE_NONE);
        return TURNS_PACED;
    }
    return found;
}

/* Skips where depths beyond 1 are out of reach. */
static void needs_a_queue(struct rig *r)
{
    const struct sweep *s = r->run.state;
    if (s->ground.engine.row->queues)
        return;
    print_message("skipped: %s has no queue\n", s->ground.engine.row->title);
    rig_close(r);
    skip();
}

static void each_repetition_is_one_depth_from_1_upwards(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    assert_int_equal(rig_setup(r), 0);
    needs_a_queue(r);
    r->run.slot_end_ns = clk_now_ns() + 3600 * S; /* one slow turn does not change the order */
    for (unsigned i = 0; i < 3; i++) {            /* two doublings at least */
        assert_int_equal(rig_measure(r, 20 * MS), 0);
        assert_int_equal(measured(r), i);
        assert_true(r->values[sweep_row(i) + 1] > 0);
        assert_true(r->observed_ns[sweep_row(i)] > 0);
        assert_false(r->run.done);
    }
    assert_int_equal(r->result.written_bytes, 16 * RIG_MIB);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "I/O by "));
    assert_true(rig_noted(r,
                          "random reads in a file of 16 MiB (as asked for), on a host with 2 GiB "
                          "of memory. O_DIRECT passes its page cache"));
    assert_true(rig_noted(r, "closed loop, back to back"));
    assert_true(rig_noted(r, "Not measured: depth 8, 16, 32, 64, 128, for want of time"));
    rig_close(r);
}

static void without_a_queue_depth_1_and_the_pace_are_left(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 10 * MS), 0);
    assert_int_equal(measured(r), CURVE_QD1);
    keep(r, sweep_row(CURVE_QD1) + 1, 10000);
    assert_int_equal(rig_measure(r, 95 * MS), 0); /* due at 10 to 90 ms; that at 0 is warm-up */
    assert_int_equal(measured(r), TURNS_PACED);
    assert_in_range(r->hists[SWEEP_PACED].total, 5, 10);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Not measured: depth 2, 4, 8, 16, 32, 64, 128, for pread and pwrite "
                             "has no queue."));
    assert_true(rig_noted(r, "At a pace of one 4 KiB read every 10 ms (open loop"));
    assert_false(rig_noted(r, "The knee is"));
    assert_int_equal(result_metric_find(&r->result, "disk.read.knee")->block_count, 0);
    rig_close(r);
}

static void the_slot_ends_before_a_turn_that_would_be_cut_short(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = clk_now_ns() + 20 * MS + sweep_turn_ns(r->run.slot_ns);
    assert_int_equal(rig_measure(r, 20 * MS), 0);
    assert_true(r->run.done);
    rig_close(r);
}

static void where_turns_take_long_depth_32_comes_second(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    assert_int_equal(rig_setup(r), 0);
    struct sweep *s = r->run.state;
    needs_a_queue(r);
    s->longest_ns = r->run.slot_ns; /* as a disk would make it that takes seconds to answer */
    assert_int_equal(rig_measure(r, 20 * MS), 0);
    assert_int_equal(measured(r), CURVE_QD1);
    assert_int_equal(rig_measure(r, 20 * MS), 0);
    assert_int_equal(measured(r), CURVE_QD32);
    rig_close(r);
}

static void turns_last_whole_slices_of_a_limiter(void **state)
{
    (void)state;
    assert_int_equal(sweep_turn_ns(S / 2), 100 * MS);
    assert_int_equal(sweep_turn_ns(8 * S), 100 * MS);
    assert_int_equal(sweep_turn_ns(16 * S), 200 * MS);
    assert_int_equal(sweep_turn_ns(23 * S), 200 * MS);
    assert_int_equal(sweep_turn_ns(3600 * S), 300 * MS);
}

static void writes_keep_the_budget_to_the_byte_and_end_the_slot(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    r->run.slot_ns = 8 * S;
    r->run.write_budget_bytes = 16 * RIG_MIB + 8 * 4096 + 4095;
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 8 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, 60 * S), 0);
    assert_int_equal(r->result.written_bytes, 16 * RIG_MIB + 8 * 4096);
    assert_true(r->run.done);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "write budget"));
    rig_close(r);
}

static void a_file_cut_by_the_write_budget_says_so(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "file", "64MiB");
    r->run.write_budget_bytes = 17 * RIG_MIB + 1;
    assert_int_equal(rig_setup(r), 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "in a file of 17 MiB (what the write budget allows)"));
    assert_false(rig_noted(r, "The file was to be"));
    rig_close(r);
}

static void no_turn_takes_more_than_its_part_of_the_write_budget(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    r->run.write_budget_bytes = 16 * RIG_MIB + 32 * 4096;
    assert_int_equal(rig_setup(r), 0);
    unsigned turns = 0;
    for (uint64_t before = r->result.written_bytes; !r->run.done; turns++) {
        assert_int_equal(rig_measure(r, 60 * S), 0);
        assert_in_range(r->result.written_bytes - before, 4096, 2 * 4096);
        before = r->result.written_bytes;
    }
    assert_int_equal(r->result.written_bytes, 16 * RIG_MIB + 32 * 4096);
    assert_in_range(turns, 16, 32);
    rig_close(r);
}

/* A sixteenth of 256 blocks, the last of them counted: no fixed time would count so few. */
static void the_time_of_a_rate_is_that_in_which_its_blocks_were_written(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    r->run.write_budget_bytes = 16 * RIG_MIB + 256 * 4096;
    assert_int_equal(rig_setup(r), 0);
    ((struct sweep *)r->run.state)->asked = CURVE_QD1; /* so that nothing is to be used up before */
    assert_int_equal(rig_measure(r, 60 * S), 0);
    unsigned row = sweep_row(CURVE_QD1) + 1;
    double blocks = r->values[row] * (double)r->observed_ns[row] / CLK_NS_PER_S;
    assert_float_equal(blocks, 16, 1e-6);
    rig_close(r);
}

/* One read in 16 is beyond the end: some complete, then one fails. */
static void a_failure_leaves_no_rate(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    struct sweep *s = r->run.state;
    s->asked = CURVE_QD1;
    assert_int_equal(ftruncate(s->ground.bed.fd, (off_t)(15 * RIG_MIB)), 0);
    assert_int_equal(rig_measure(r, 60 * S), -1);
    assert_true(isnan(r->values[sweep_row(CURVE_QD1) + 1]));
    assert_int_equal(s->seen[CURVE_QD1].turns, 0);
    rig_close(r);
}

static void a_stop_ends_the_climb_at_once(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    uint64_t written = r->result.written_bytes;
    assert_int_equal(rig_measure(r, 3600 * S), 0); /* or this test would take an hour */
    assert_int_equal(r->result.written_bytes, written);
    assert_int_equal(measured(r), CURVE_NONE);
    rig_close(r);
}

static void the_knee_has_the_blocks_of_its_depth(void **state)
{
    (void)state;
    static const double iops[CURVE_DEPTHS] = { 10000, 19000, 30000, 31000, 31000 };
    struct rig *r = small(&disk_read);
    assert_int_equal(rig_setup(r), 0);
    struct sweep *s = r->run.state;
    for (unsigned i = 0; i < 5; i++) {
        s->curve.iops[i] = iops[i];
        keep(r, sweep_row(i) + 1, iops[i] - 100);
        keep(r, sweep_row(i) + 1, iops[i] + 100);
    }
    r->probe->judge(&r->run);
    assert_int_equal(result_summarise(&r->result, &r->e), 0);
    const struct result_metric *knee = result_metric_find(&r->result, "disk.read.knee");
    const struct result_metric *rate = result_metric_find(&r->result, "disk.read.knee.iops");
    assert_int_equal(knee->block_count, 1);
    assert_float_equal(result_statistic_find(knee, "value")->value, 4, 0);
    assert_int_equal(rate->block_count, 2);
    assert_float_equal(result_statistic_find(rate, "value")->value, 30000, 0);
    assert_true(rig_noted(r, "The knee is depth 4, the smallest with 95 % of the best rate"));
    assert_false(rig_noted(r, "it may lie beyond"));
    rig_close(r);
}

static void a_knee_at_the_deepest_depth_may_lie_beyond(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    assert_int_equal(rig_setup(r), 0);
    struct sweep *s = r->run.state;
    s->curve.iops[CURVE_QD1] = 10;
    s->curve.iops[CURVE_QD32] = 100;
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "The knee is depth 32"));
    assert_true(rig_noted(r, "it may lie beyond"));
    rig_close(r);
}

static void the_null_engine_is_never_believed(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "engine", "null");
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 2 * MS), 0);
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    assert_non_null(strstr(r->result.reason, "our own cost"));
    rig_close(r);
}

static void a_stop_while_the_file_is_prepared_is_an_interruption(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    r->stopping = 1;
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    rig_close(r);
}

static void a_disk_too_slow_for_the_slot_says_so(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    r->run.slot_ns = 4; /* a quarter of it is over before the first write */
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(r->e.msg, "longer --budget"));
    rig_close(r);
}

static void what_was_chosen_stands_among_the_parameters(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "engine", "sync");
    r->result.parameters = opt_parameters(r->probe->opts, r->conf);
    assert_int_equal(rig_setup(r), 0);
    r->probe->judge(&r->run);
    assert_string_equal(json_string_value(json_object_get(r->result.parameters, "engine_used")),
                        "sync");
    assert_int_equal(json_integer_value(json_object_get(r->result.parameters, "file_used")),
                     16 * RIG_MIB);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_follows_memory_time_and_space),
        cmocka_unit_test(the_note_says_what_decided_the_size),
        cmocka_unit_test(only_the_write_probe_writes_beyond_the_file),
        cmocka_unit_test(each_repetition_is_one_depth_from_1_upwards),
        cmocka_unit_test(without_a_queue_depth_1_and_the_pace_are_left),
        cmocka_unit_test(the_slot_ends_before_a_turn_that_would_be_cut_short),
        cmocka_unit_test(where_turns_take_long_depth_32_comes_second),
        cmocka_unit_test(turns_last_whole_slices_of_a_limiter),
        cmocka_unit_test(writes_keep_the_budget_to_the_byte_and_end_the_slot),
        cmocka_unit_test(a_file_cut_by_the_write_budget_says_so),
        cmocka_unit_test(no_turn_takes_more_than_its_part_of_the_write_budget),
        cmocka_unit_test(the_time_of_a_rate_is_that_in_which_its_blocks_were_written),
        cmocka_unit_test(a_failure_leaves_no_rate),
        cmocka_unit_test(a_stop_ends_the_climb_at_once),
        cmocka_unit_test(the_knee_has_the_blocks_of_its_depth),
        cmocka_unit_test(a_knee_at_the_deepest_depth_may_lie_beyond),
        cmocka_unit_test(the_null_engine_is_never_believed),
        cmocka_unit_test(a_stop_while_the_file_is_prepared_is_an_interruption),
        cmocka_unit_test(a_disk_too_slow_for_the_slot_says_so),
        cmocka_unit_test(what_was_chosen_stands_among_the_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
