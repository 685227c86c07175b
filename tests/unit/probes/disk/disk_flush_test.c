#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"
#include "tests/unit/tree.h"

#define S ((uint64_t)CLK_NS_PER_S)

enum {
    WRITE,
    SYNC,
    CLEAN,
    BULK
};

/* A rig with its budget, skipped where the directory has no O_DIRECT. */
static struct rig *small(uint64_t slot_ns)
{
    struct rig *r = rig_open(&disk_flush);
    struct probe_cost cost = { 0 };
    if (r->probe->supported(&r->site, r->conf, &r->e)) {
        print_message("skipped: %s\n", r->e.msg);
        rig_close(r);
        skip();
    }
    r->run.slot_ns = slot_ns;
    assert_int_equal(r->probe->estimate(&r->site, r->conf, slot_ns, &cost, &r->e), 0);
    r->run.write_budget_bytes = cost.write_bytes;
    assert_int_equal(rig_setup(r), 0);
    return r;
}

static void every_write_has_its_sync_and_a_clean_one(void **state)
{
    (void)state;
    struct rig *r = small(60 * S);
    r->stopping = 1; /* one round each */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_measure(r, 60 * S), 0);
        assert_int_equal(r->hists[WRITE].total, 1);
        assert_int_equal(r->hists[SYNC].total, 1);
        assert_int_equal(r->hists[CLEAN].total, 1);
        assert_int_equal(r->hists[BULK].total, i == 0);
    }
    assert_int_equal(r->result.written_bytes, 4 * RIG_MIB + RIG_MIB + 3 * 4096);
    rig_close(r);
}

static void the_write_budget_is_kept_and_ends_the_slot(void **state)
{
    (void)state;
    struct rig *r = small(60 * S);
    r->run.write_budget_bytes = 4 * RIG_MIB + 2 * (RIG_MIB + 4096);
    assert_int_equal(rig_measure(r, 60 * S), 0);
    assert_true(r->run.done);
    assert_true(r->result.written_bytes <= r->run.write_budget_bytes);
    assert_in_range(r->hists[SYNC].total, 2, 256);
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "the write budget of 6 MiB was used up"));
    rig_close(r);
}

/* A budget below the file is never exceeded by its overwrites. */
static void without_budget_nothing_is_overwritten(void **state)
{
    (void)state;
    struct rig *r = small(60 * S);
    r->run.write_budget_bytes = 1;
    assert_int_equal(rig_measure(r, 60 * S), 0);
    assert_true(r->run.done);
    assert_int_equal(r->result.written_bytes, 4 * RIG_MIB);
    rig_close(r);
}

static const char *fact(const struct rig *r)
{
    const struct fact *f = facts_find(&r->result.facts, "disk.flush");
    assert_non_null(f);
    return f->text;
}

static void one_round_is_too_few_for_a_verdict(void **state)
{
    (void)state;
    struct rig *r = small(60 * S);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, 60 * S), 0);
    r->probe->judge(&r->run);
    assert_string_equal(fact(r), "unknown");
    assert_true(rig_noted(r, "Too few syncs were timed"));
    assert_true(rig_noted(r, "one of a clean file"));
    assert_false(rig_noted(r, "one after 1 MiB")); /* one sample */
    rig_close(r);
}

static void what_the_mount_and_the_kernel_say_comes_first(void **state)
{
    (void)state;
    struct rig *r = small(60 * S);
    memcpy(r->place.options, "rw,nobarrier", 13);
    r->probe->judge(&r->run);
    assert_string_equal(fact(r), "not-flushed");
    memcpy(r->place.options, "rw", 3);
    memcpy(r->place.write_cache, "write through", 14);
    r->probe->judge(&r->run);
    assert_string_equal(fact(r), "not-sent");
    rig_close(r);
}

/* Rounds under a recorded stat; what became of the fact. */
static void check_counted(const char *stat, const char *later, const char *verdict,
                          const char *noted)
{
    const struct tree_row rows[] = {
        {"block/vda/stat", stat}
    };
    const struct tree_row then[] = {
        {"block/vda/stat", later}
    };
    struct tree sys;
    assert_int_equal(tree_make(&sys, rows, 1), 0);
    struct rig *r = small(60 * S);
    r->site.sys_fd = sys.fd;
    r->probe->teardown(&r->run);
    assert_int_equal(rig_setup(r), 0);
    r->stopping = 1;
    assert_int_equal(rig_measure(r, 60 * S), 0);
    assert_int_equal(unlinkat(sys.fd, then->path, 0), 0);
    assert_int_equal(tree_add(sys.fd, then), 0);
    r->probe->judge(&r->run);
    assert_string_equal(fact(r), verdict);
    assert_int_equal(rig_noted(r, "The kernel sent vda"), noted != NULL);
    assert_true(!noted || rig_noted(r, noted));
    rig_close(r);
    tree_remove(&sys);
}

#define STAT(flushes) "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 " flushes " 17\n"

/* Field 16 of the recorded stat does not move while syncs are made: no flush is sent. */
static void flushes_are_counted_where_the_kernel_counts_them(void **state)
{
    (void)state;
    check_counted(STAT("700"), STAT("700"), "not-flushed",
                  "The kernel sent vda 0.00 flushes for each sync after a write.");
    check_counted(STAT("0"), STAT("0"), "unknown", NULL);                   /* dm */
    check_counted("1 2 3 4 5 6 7 8 9 10 11\n", STAT("9"), "unknown", NULL); /* before 5.5 */
}

/* One round has two syncs after a write, and a clean one, which need not send a flush. */
static void a_clean_sync_is_owed_no_flush(void **state)
{
    (void)state;
    check_counted(STAT("700"), STAT("702"), "unknown", "vda 1.00 flushes for each sync after a");
    check_counted(STAT("700"), STAT("703"), "unknown", "vda 1.50 flushes for each sync after a");
    check_counted(STAT("700"), STAT("701"), "not-flushed",
                  "vda 0.50 flushes for each sync after a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_has_its_sync_and_a_clean_one),
        cmocka_unit_test(the_write_budget_is_kept_and_ends_the_slot),
        cmocka_unit_test(without_budget_nothing_is_overwritten),
        cmocka_unit_test(one_round_is_too_few_for_a_verdict),
        cmocka_unit_test(what_the_mount_and_the_kernel_say_comes_first),
        cmocka_unit_test(flushes_are_counted_where_the_kernel_counts_them),
        cmocka_unit_test(a_clean_sync_is_owed_no_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
