#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "probes/disk/ground.h"
#include "tests/unit/probes/disk/rig.h"

enum {
    READ,
    READ_LATENCY,
    WRITE,
    WRITE_LATENCY
};

#define MS ((uint64_t)CLK_NS_PER_MS)

static struct rig *small(uint64_t budget_mib)
{
    struct rig *r = rig_open(&disk_stream);
    rig_set(r, "file", "8MiB");
    if (disk_stream.supported(&r->site, r->conf, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        rig_close(r);
        skip();
    }
    r->run.write_budget_bytes = budget_mib * RIG_MIB;
    return r;
}

static void reads_and_writes_take_turns(void **state)
{
    (void)state;
    struct rig *r = small(1024);
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 4; i++) {
        unsigned here = i % 2 ? WRITE : READ;
        unsigned there = i % 2 ? READ : WRITE;
        uint64_t before = r->result.written_bytes;
        assert_int_equal(rig_measure(r, 100 * MS), 0);
        uint64_t n = r->hists[here + 1].total;
        assert_true(n > 0);
        assert_true(r->values[here] > 0);
        assert_true(r->observed_ns[here] > 0 && r->observed_ns[here + 1] == r->observed_ns[here]);
        assert_int_equal(r->hists[there + 1].total, 0);
        assert_true(isnan(r->values[there]));
        assert_int_equal(r->result.written_bytes - before, i % 2 ? n * RIG_MIB : 0);
    }
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Sequential reads and overwrites of 1 MiB in turns, in a file of 8 "
                             "MiB, O_DIRECT, depth "));
    assert_true(rig_noted(r, "closed loop, back to back"));
    rig_close(r);
}

/* The rate is bytes by time: a block a millisecond is about a GB/s. */
static void the_rate_is_of_what_completed(void **state)
{
    (void)state;
    struct rig *r = small(64);
    rig_set(r, "engine", "null"); /* a slow disk would have too few in the time, and all count */
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 100 * MS), 0);
    double blocks = r->values[READ] * (double)r->observed_ns[READ] / CLK_NS_PER_S / RIG_MIB;
    double recorded = (double)r->hists[READ_LATENCY].total; /* also what was in flight at the end */
    assert_true(fabs(blocks - nearbyint(blocks)) < 1e-6);
    assert_true(blocks <= recorded + 1e-6 && recorded <= blocks + 8 + 1e-6);
    rig_close(r);
}

static void a_turn_of_writes_takes_its_share_of_the_budget(void **state)
{
    (void)state;
    struct rig *r = small(8 + 400);
    assert_int_equal(rig_setup(r), 0);
    /* 8 s, of which a pair of turns takes 450 ms: 22.5 MiB */
    r->run.slot_end_ns = clk_now_ns() + r->run.slot_ns;
    r->run.repetition = 1;
    assert_int_equal(rig_measure(r, 60000 * MS), 0);
    uint64_t written = r->result.written_bytes - 8 * RIG_MIB;
    assert_true(written <= 24 * RIG_MIB); /* and what the clock moved */
    assert_true(written >= RIG_MIB);
    rig_close(r);
}

static void the_budget_is_kept_to_the_byte_and_reads_go_on(void **state)
{
    (void)state;
    struct rig *r = small(0);
    r->run.write_budget_bytes = (8 + 20) * RIG_MIB + RIG_MIB - 1;
    assert_int_equal(rig_setup(r), 0);
    r->run.slot_end_ns = 0; /* the last turn: all that is left */
    r->run.repetition = 1;
    assert_int_equal(rig_measure(r, 60000 * MS), 0);
    assert_int_equal(r->result.written_bytes, 28 * RIG_MIB);
    assert_false(r->run.done);
    r->run.repetition = 3;
    assert_int_equal(rig_measure(r, 100 * MS), 0);
    assert_true(r->hists[READ_LATENCY].total > 0);
    assert_int_equal(r->result.written_bytes, 28 * RIG_MIB);
    rig_close(r);
}

static void a_full_disk_is_told_with_path_offset_and_errno(void **state)
{
    (void)state;
    struct rig *r = small(64);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(full >= 0 && dup2(full, ((struct ground *)r->run.state)->bed.fd) >= 0);
    (void)close(full);
    r->run.repetition = 1;
    assert_int_equal(rig_measure(r, 60000 * MS), -1);
    assert_int_equal(r->e.kind, ERR_NO_RESOURCE);
    assert_non_null(strstr(r->e.msg, "write 1048576 bytes at offset 0 of the scratch file below"));
    assert_non_null(strstr(r->e.msg, r->path));
    rig_close(r);
}

static void a_stop_while_the_file_is_prepared_is_an_interruption(void **state)
{
    (void)state;
    struct rig *r = small(64);
    r->stopping = 1;
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    rig_close(r);
}

static void a_minute_of_all_writes_no_more_than_a_gigabyte_and_a_half(void **state)
{
    (void)state;
    struct rig *r = rig_open(&disk_stream);
    struct probe_cost cost = { 0 };
    r->site.memory_bytes = UINT64_C(64) << 30;
    assert_int_equal(disk_stream.estimate(&r->site, r->conf, 4000 * MS, &cost, &r->e), 0);
    assert_true(cost.write_bytes <= 1536 * RIG_MIB);
    assert_int_equal(disk_stream.estimate(&r->site, r->conf, 600000 * MS, &cost, &r->e), 0);
    assert_int_equal(cost.write_bytes, (512 + 2048) * RIG_MIB);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_take_turns),
        cmocka_unit_test(the_rate_is_of_what_completed),
        cmocka_unit_test(a_turn_of_writes_takes_its_share_of_the_budget),
        cmocka_unit_test(the_budget_is_kept_to_the_byte_and_reads_go_on),
        cmocka_unit_test(a_full_disk_is_told_with_path_offset_and_errno),
        cmocka_unit_test(a_stop_while_the_file_is_prepared_is_an_interruption),
        cmocka_unit_test(a_minute_of_all_writes_no_more_than_a_gigabyte_and_a_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
