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
    WRITE,
    RATE,
    TARGET
};

#define MS ((uint64_t)CLK_NS_PER_MS)

static struct rig *small(uint64_t budget_mib)
{
    struct rig *r = rig_open(&disk_mixed);
    rig_set(r, "file", "8MiB");
    if (disk_mixed.supported(&r->site, r->conf, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        rig_close(r);
        skip();
    }
    r->run.slot_ns = 1000 * MS; /* steps of 25 ms */
    r->run.write_budget_bytes = budget_mib * RIG_MIB;
    return r;
}

static void both_sides_are_recorded_apart_at_a_fixed_rate(void **state)
{
    (void)state;
    struct rig *r = small(1024);
    assert_int_equal(rig_setup(r), 0);
    assert_true(r->result.written_bytes > 8 * RIG_MIB); /* the ladder wrote too */
    uint64_t reads = 0;
    uint64_t writes = 0;
    for (unsigned i = 0; i < 100 && (reads == 0 || writes == 0); i++) {
        uint64_t before = r->result.written_bytes;
        assert_int_equal(rig_measure(r, 50 * MS), 0);
        reads += r->hists[READ].total;
        writes += r->hists[WRITE].total;
        assert_true(r->result.written_bytes - before <= r->hists[WRITE].total * 8192);
    }
    assert_true(reads > 0 && writes > 0);
    assert_true(r->values[RATE] > 0);
    double target = r->values[TARGET];
    assert_true(target > 0);
    assert_int_equal(rig_measure(r, 50 * MS), 0);
    assert_true(r->values[TARGET] == target); // NOLINT: fixed for the run
    for (unsigned row = READ; row <= TARGET; row++)
        assert_int_equal(r->observed_ns[row], r->observed_ns[READ]);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "70 % random reads and 30 % overwrites of 8 KiB in a file of 8 MiB, "
                             "O_DIRECT, open loop, "));
    assert_true(rig_noted(r, "That is 70 % of the "));
    assert_true(rig_noted(r, "a second were done"));
    rig_close(r);
}

static void the_budget_holds_and_ends_the_slot(void **state)
{
    (void)state;
    struct rig *r = small(8 + 4);
    r->run.write_budget_bytes += 8191;
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 1000 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, 60000 * MS), 0);
    assert_true(r->run.done);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "write budget"));
    rig_close(r);
}

/* 64 blocks: each step takes half of what is left, far below its 25 ms of I/O to memory. */
static void a_climb_that_the_budget_ended_says_so(void **state)
{
    (void)state;
    struct rig *r = small(8);
    r->run.write_budget_bytes += 64 * 8192;
    rig_set(r, "engine", "null");
    assert_int_equal(rig_setup(r), 0);
    r->probe->judge(&r->run);
    assert_false(rig_noted(r, "gained less than"));
    assert_true(rig_noted(r, "above which the write budget left too little to see more") ||
                rig_noted(r, "the deepest that was tried"));
    rig_close(r);
}

static void a_budget_for_the_file_alone_is_an_error_with_a_remedy(void **state)
{
    (void)state;
    struct rig *r = small(8);
    assert_int_equal(rig_setup(r), -1);
    assert_non_null(strstr(r->e.msg, "give a longer --budget"));
    assert_int_equal(r->result.written_bytes, 8 * RIG_MIB);
    rig_close(r);
}

static void without_a_queue_the_knee_is_depth_1(void **state)
{
    (void)state;
    struct rig *r = small(1024);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 50 * MS), 0);
    assert_true(r->hists[READ].total + r->hists[WRITE].total > 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "depth 1, the deepest that was tried"));
    rig_close(r);
}

static void an_error_names_path_offset_and_errno(void **state)
{
    (void)state;
    struct rig *r = small(1024);
    rig_set(r, "engine", "sync");
    assert_int_equal(rig_setup(r), 0);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(full >= 0 && dup2(full, ((struct ground *)r->run.state)->bed.fd) >= 0);
    (void)close(full);
    assert_int_equal(rig_measure(r, 60000 * MS), -1);
    assert_int_equal(r->e.kind, ERR_NO_RESOURCE);
    assert_non_null(strstr(r->e.msg, "write 8192 bytes at offset "));
    assert_non_null(strstr(r->e.msg, r->path));
    rig_close(r);
}

static void a_stop_ends_setup_and_repetition(void **state)
{
    (void)state;
    struct rig *r = small(1024);
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, 60000 * MS), 0);
    assert_true(r->hists[READ].total + r->hists[WRITE].total <= 1); /* due at once, not begun */
    assert_true(isnan(r->values[RATE]));
    rig_close(r);
    r = small(1024);
    r->stopping = 1;
    assert_int_equal(rig_setup(r), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_recorded_apart_at_a_fixed_rate),
        cmocka_unit_test(the_budget_holds_and_ends_the_slot),
        cmocka_unit_test(a_climb_that_the_budget_ended_says_so),
        cmocka_unit_test(a_budget_for_the_file_alone_is_an_error_with_a_remedy),
        cmocka_unit_test(without_a_queue_the_knee_is_depth_1),
        cmocka_unit_test(an_error_names_path_offset_and_errno),
        cmocka_unit_test(a_stop_ends_setup_and_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
