#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/disk.h"
#include "tests/unit/probes/disk/rig.h"

enum {
    FILES,
    RATE,
    CREATE,
    FSYNC,
    RENAME,
    DIRSYNC,
    UNLINK
};

#define MS ((uint64_t)CLK_NS_PER_MS)

static void every_step_of_every_file_is_recorded(void **state)
{
    (void)state;
    struct rig *r = rig_brief(&disk_files);
    assert_int_equal(rig_setup(r), 0);
    uint64_t warm_bytes = r->result.written_bytes;
    assert_int_equal(rig_measure(r, 50 * MS), 0);
    uint64_t n = r->hists[FILES].total;
    assert_true(n > 0);
    for (unsigned row = CREATE; row <= DIRSYNC; row++) {
        assert_int_equal(r->hists[row].total, n);
        assert_true(r->hists[row].max <= r->hists[FILES].max);
    }
    assert_true(r->hists[UNLINK].total <= n);
    assert_true(r->values[RATE] > 0);
    assert_int_equal(r->result.written_bytes, warm_bytes + n * 4096);
    rig_close(r); /* looks that nothing is left */
}

static void unlinks_are_recorded_once_all_names_are_in_use(void **state)
{
    (void)state;
    struct rig *r = rig_brief(&disk_files);
    r->run.write_budget_bytes = UINT64_C(100) * 4096;
    assert_int_equal(rig_setup(r), 0);
    uint64_t warm = r->result.written_bytes / 4096;
    assert_int_equal(rig_measure(r, 60000 * MS), 0);
    assert_int_equal(warm + r->hists[FILES].total, 100);
    assert_int_equal(r->hists[UNLINK].total, 37 < 100 - warm ? 37 : 100 - warm);
    assert_int_equal(fake_names(r->path), 63);
    rig_close(r);
}

static void the_write_budget_is_kept_to_the_byte_and_ends_the_slot(void **state)
{
    (void)state;
    struct rig *r = rig_brief(&disk_files);
    rig_set(r, "size", "1000");
    rig_budget_is_kept(r, 10999, 10000);
}

static void a_stop_ends_the_repetition(void **state)
{
    (void)state;
    rig_stop_ends_the_repetition(rig_brief(&disk_files), FILES, RATE);
}

static void the_sequence_and_the_terms_are_noted(void **state)
{
    (void)state;
    struct rig *r = rig_brief(&disk_files);
    (void)snprintf(r->place.options, sizeof r->place.options, "rw,relatime,nodiscard");
    rig_terms_are_noted(r);
    assert_false(rig_noted(r, "discard"));
    (void)snprintf(r->place.options, sizeof r->place.options, "rw,discard");
    r->probe->judge(&r->run);
    assert_true(rig_noted(r, "Mounted with discard"));
    rig_close(r);
}

static void a_directory_that_is_gone_is_named(void **state)
{
    (void)state;
    rig_missing_directory_is_named(rig_brief(&disk_files));
}

static void a_failure_in_the_middle_keeps_what_was_measured(void **state)
{
    (void)state;
    struct rig *r = rig_brief(&disk_files);
    assert_int_equal(rig_setup(r), 0);
    assert_int_equal(rig_measure(r, 50 * MS), 0);
    assert_int_equal(close(openat(r->run.scratch_fd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)),
                     0);
    assert_int_equal(rig_measure(r, 50 * MS), -1);
    assert_int_equal(r->e.sys, EEXIST);
    assert_non_null(strstr(r->e.msg, r->path));
    assert_non_null(strstr(r->e.msg, "create 'new'"));
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_of_every_file_is_recorded),
        cmocka_unit_test(unlinks_are_recorded_once_all_names_are_in_use),
        cmocka_unit_test(the_write_budget_is_kept_to_the_byte_and_ends_the_slot),
        cmocka_unit_test(a_stop_ends_the_repetition),
        cmocka_unit_test(the_sequence_and_the_terms_are_noted),
        cmocka_unit_test(a_directory_that_is_gone_is_named),
        cmocka_unit_test(a_failure_in_the_middle_keeps_what_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
