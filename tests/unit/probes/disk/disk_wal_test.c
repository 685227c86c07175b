#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"

enum {
    WAL,
    SYNC,
    RATE,
    WAL_8K_ROW,
    RATE_8K,
    ZOOKEEPER,
    BOLT,
    LEVELDB
};

#define MS ((uint64_t)CLK_NS_PER_MS)

static struct rig *small(void)
{
    struct rig *r = rig_brief(&disk_wal);
    rig_set(r, "segment", "1MiB");
    return r;
}

static void every_append_is_recorded_with_its_sync(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    uint64_t warm_bytes = r->result.written_bytes;
    assert_int_equal(rig_measure(r, 20 * MS), 0);
    uint64_t n = r->hists[WAL].total;
    assert_true(n > 0);
    assert_int_equal(r->hists[SYNC].total, n);
    assert_true(r->hists[SYNC].max <= r->hists[WAL].max);
    assert_true(r->values[RATE] > 0);
    assert_int_equal(r->result.written_bytes, warm_bytes + n * 2300);
    rig_close(r);
}

static void the_write_budget_is_kept_to_the_byte_and_ends_the_slot(void **state)
{
    (void)state;
    rig_budget_is_kept(small(), 2300 * 10 + 2299, 23000);
}

static struct rig *with_all_kinds(void)
{
    struct rig *r = rig_open(&disk_wal);
    r->run.slot_ns = 1000 * MS; /* the least: turns of 76 ms, a warm-up of 100 */
    r->run.write_budget_bytes = 640 * RIG_MIB;
    return r;
}

static void every_third_turn_is_another_kind_of_log(void **state)
{
    (void)state;
    static const unsigned turns[] = { WAL, WAL, WAL_8K_ROW, WAL, WAL, ZOOKEEPER, WAL, WAL, BOLT,
                                      WAL, WAL, LEVELDB,    WAL, WAL, WAL_8K_ROW };
    struct rig *r = with_all_kinds();
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        uint64_t before = r->result.written_bytes;
        assert_int_equal(rig_measure(r, 50 * MS), 0);
        for (unsigned row = 0; row < r->result.metric_count; row++)
            assert_int_equal(r->hists[row].total > 0,
                             row == turns[i] || (row == SYNC && turns[i] == WAL));
        assert_int_equal(isnan(r->values[RATE]), turns[i] != WAL);
        assert_int_equal(isnan(r->values[RATE_8K]), turns[i] != WAL_8K_ROW);
        assert_true(r->result.written_bytes > before);
    }
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "disk.wal.zookeeper is the log of ZooKeeper: 2300 bytes into a hole"));
    assert_true(rig_noted(r, "fdatasync, a page of 4 KiB, fdatasync"));
    assert_true(rig_noted(r, "p99.9 and max are of "));
    rig_close(r);
}

static void a_turn_is_shorter_than_a_repetition_in_a_short_slot(void **state)
{
    (void)state;
    struct rig *r = with_all_kinds();
    r->run.write_budget_bytes = 128 * RIG_MIB;
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 600000 * MS), 0);
    assert_true(r->hists[WAL].total > 0);
    assert_false(r->run.done); /* it did not go on until the budget was used up */
    rig_close(r);
}

static void without_time_space_or_budget_etcds_log_has_it_all(void **state)
{
    (void)state;
    for (unsigned lacking = 0; lacking < 4; lacking++) {
        struct rig *r = with_all_kinds();
        r->run.slot_ns = lacking == 0 ? 999 * MS : r->run.slot_ns;
        r->place.free_bytes = lacking == 1 ? (10 * 1024 + 150) * RIG_MIB : r->place.free_bytes;
        r->run.write_budget_bytes = lacking == 2 ? 4 * RIG_MIB - 1 : r->run.write_budget_bytes;
        if (lacking == 3)
            rig_set(r, "alone", "yes");
        assert_int_equal(rig_setup(r), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(rig_measure(r, 2 * MS), 0);
        assert_int_equal(r->hists[WAL_8K_ROW].total, 0); /* its turn, but it has none */
        r->probe->judge(&r->run);
        assert_true(rig_noted(r, "Only etcd's log was measured"));
        rig_close(r);
    }
}

static void the_budget_holds_with_all_kinds(void **state)
{
    (void)state;
    struct rig *r = with_all_kinds();
    r->run.write_budget_bytes = 8 * RIG_MIB;
    assert_int_equal(rig_setup(r), 0);
    for (unsigned i = 0; i < 100000 && !r->run.done; i++)
        assert_int_equal(rig_measure(r, 2 * MS), 0);
    assert_true(r->run.done);
    assert_true(r->result.written_bytes <= 8 * RIG_MIB);
    assert_true(r->result.written_bytes > 8 * RIG_MIB - 2300); /* not one more would fit */
    rig_close(r);
}

/* From now on the log whose file has that size finds its filesystem full. */
static void fill(uint64_t segment_bytes)
{
    struct stat st;
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(full >= 0);
    for (int fd = 3; fd < 64; fd++) {
        bool unnamed = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 0;
        if (unnamed && (uint64_t)st.st_size == segment_bytes)
            assert_true(dup2(full, fd) >= 0);
    }
    (void)close(full);
}

/* Until each kind had its turn. */
static void all_turns(struct rig *r)
{
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(rig_measure(r, 5 * MS), 0);
}

static void a_log_without_space_ends_alone_and_its_figures_stay(void **state)
{
    (void)state;
    struct rig *r = with_all_kinds();
    assert_int_equal(rig_setup(r), 0);
    all_turns(r);
    uint64_t written = r->result.written_bytes;
    fill(UINT64_C(4) << 20); /* bolt's */
    r->run.repetition = 6;
    for (unsigned i = 0; i < 9; i++) { /* the turn of bolt's log is the third, then leveldb's */
        assert_int_equal(rig_measure(r, 5 * MS), 0);
        assert_int_equal(r->hists[BOLT].total, 0);
    }
    assert_true(r->result.written_bytes > written);
    r->run.repetition = 8; /* bolt's turn again is etcd's now */
    assert_int_equal(rig_measure(r, 5 * MS), 0);
    assert_true(r->hists[WAL].total > 0);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "There was no space for more of the log of bolt (Nomad and Consul"));
    assert_true(rig_noted(r, "of the log: No space left on device; the other logs went on."));
    assert_true(rig_noted(r, "disk.wal.bolt is the log of Nomad")); /* from the turns before */
    assert_true(rig_noted(r, "disk.wal.leveldb is the log of"));
    assert_false(rig_noted(r, "Only etcd's log was measured"));
    rig_close(r);
}

static void etcds_log_without_space_is_a_failure(void **state)
{
    (void)state;
    struct rig *r = small(); /* its segment is of 1 MiB */
    assert_int_equal(rig_setup(r), 0);
    fill(RIG_MIB);
    assert_int_equal(rig_measure(r, 5 * MS), -1);
    assert_int_equal(r->e.sys, ENOSPC);
    rig_close(r);
}

static void a_stop_ends_the_repetition(void **state)
{
    (void)state;
    rig_stop_ends_the_repetition(small(), WAL, RATE);
}

static void too_few_appends_are_not_trusted(void **state)
{
    (void)state;
    struct rig *r = small();
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    r->probe->judge(&r->run);
    assert_int_equal(r->result.status, STATUS_UNTRUSTED);
    rig_close(r);
}

static void the_filesystem_and_its_journal_are_noted(void **state)
{
    (void)state;
    struct rig *r = small();
    rig_terms_are_noted(r);
    rig_close(r);
}

static int supported(struct rig *r)
{
    return r->probe->supported(&r->site, r->conf, &r->e);
}

static void memory_read_only_and_full_places_are_refused(void **state)
{
    (void)state;
    struct rig *r = rig_open(&disk_wal);
    assert_int_equal(supported(r), 0);
    r->place.read_only = true;
    assert_int_equal(supported(r), -1);
    assert_non_null(strstr(r->e.msg, "read-only"));
    r->place = rig_place();
    r->place.in_memory = true;
    assert_int_equal(supported(r), -1);
    assert_non_null(strstr(r->e.msg, "answers from memory; name a --dir on a disk"));
    r->place = rig_place();
    r->place.free_bytes = 5 * 1024 * RIG_MIB;
    assert_int_equal(supported(r), -1);
    assert_non_null(strstr(r->e.msg, "5 GiB free, of which 0 B may be written"));
    assert_non_null(strstr(r->e.msg, "64 MiB are needed"));
    rig_close(r);
}

static void a_record_larger_than_the_segment_is_refused(void **state)
{
    (void)state;
    struct rig *r = rig_open(&disk_wal);
    rig_set(r, "record", "1MiB");
    rig_set(r, "segment", "1MiB");
    assert_int_equal(supported(r), 0);
    ((uint64_t *)(void *)r->conf)[1] -= 1;
    assert_int_equal(supported(r), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    rig_close(r);
}

static void a_directory_that_is_gone_fails_cleanly(void **state)
{
    (void)state;
    rig_missing_directory_is_named(small());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_append_is_recorded_with_its_sync),
        cmocka_unit_test(the_write_budget_is_kept_to_the_byte_and_ends_the_slot),
        cmocka_unit_test(every_third_turn_is_another_kind_of_log),
        cmocka_unit_test(a_turn_is_shorter_than_a_repetition_in_a_short_slot),
        cmocka_unit_test(without_time_space_or_budget_etcds_log_has_it_all),
        cmocka_unit_test(the_budget_holds_with_all_kinds),
        cmocka_unit_test(a_log_without_space_ends_alone_and_its_figures_stay),
        cmocka_unit_test(etcds_log_without_space_is_a_failure),
        cmocka_unit_test(a_stop_ends_the_repetition),
        cmocka_unit_test(too_few_appends_are_not_trusted),
        cmocka_unit_test(the_filesystem_and_its_journal_are_noted),
        cmocka_unit_test(memory_read_only_and_full_places_are_refused),
        cmocka_unit_test(a_record_larger_than_the_segment_is_refused),
        cmocka_unit_test(a_directory_that_is_gone_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
