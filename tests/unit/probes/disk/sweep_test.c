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
    struct sweep_conf conf = { .engine = "auto", .file_bytes = file_bytes };
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

static void repetitions_take_turns_at_depth_1_and_32(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 4; i++) {
        unsigned here = i % 2 ? SWEEP_QD32 : SWEEP_QD1;
        unsigned there = i % 2 ? SWEEP_QD1 : SWEEP_QD32;
        assert_int_equal(rig_measure(r, 20 * MS), 0);
        assert_true(r->hists[here].total > 0);
        assert_true(r->values[here + 1] > 0);
        assert_true(r->observed_ns[here] > 0);
        assert_int_equal(r->hists[there].total, 0);
        assert_true(isnan(r->values[there + 1]));
    }
    assert_int_equal(r->result.written_bytes, 16 * RIG_MIB);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "I/O by "));
    assert_true(rig_noted(r, "random reads in a file of 16 MiB, O_DIRECT, closed loop"));
    rig_close(r);
}

static void without_a_queue_depth_32_is_left_out_by_name(void **state)
{
    (void)state;
    struct rig *r = small(&disk_read);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rig_measure(r, 10 * MS), 0);
        assert_true(r->hists[SWEEP_QD1].total > 0);
        assert_int_equal(r->hists[SWEEP_QD32].total, 0);
    }
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Depth 32 was not measured: pread and pwrite has no queue."));
    rig_close(r);
}

static void writes_keep_the_budget_to_the_byte_and_end_the_slot(void **state)
{
    (void)state;
    struct rig *r = small(&disk_write);
    r->run.slot_ns = 8 * S;
    r->run.write_budget_bytes = 16 * RIG_MIB + 8 * 4096 + 4095;
    assert_int_equal(rig_setup(r), 0); /* the warm-up may use it all */
    assert_int_equal(rig_measure(r, 60 * S), 0);
    assert_int_equal(r->result.written_bytes, 16 * RIG_MIB + 8 * 4096);
    assert_true(r->run.slot_end_ns <= clk_now_ns());
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "write budget"));
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
        cmocka_unit_test(only_the_write_probe_writes_beyond_the_file),
        cmocka_unit_test(repetitions_take_turns_at_depth_1_and_32),
        cmocka_unit_test(without_a_queue_depth_32_is_left_out_by_name),
        cmocka_unit_test(writes_keep_the_budget_to_the_byte_and_end_the_slot),
        cmocka_unit_test(the_null_engine_is_never_believed),
        cmocka_unit_test(a_stop_while_the_file_is_prepared_is_an_interruption),
        cmocka_unit_test(a_disk_too_slow_for_the_slot_says_so),
        cmocka_unit_test(what_was_chosen_stands_among_the_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
