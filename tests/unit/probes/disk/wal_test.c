#include "probes/disk/wal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/probes/disk/fake.h"

enum {
    SEGMENT = 64 << 10,
    RECORD = 1000
};

struct rig {
    char path[64];
    int dir;
    struct wal wal;
    struct err e;
    uint64_t latency_ns, sync_ns;
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    *state = r;
    r->dir = fake_dir(r->path);
    return wal_open(&r->wal, r->dir, RECORD, SEGMENT, 1, &r->e);
}

static int teardown(void **state)
{
    struct rig *r = *state;
    wal_release(&r->wal);
    fake_dir_remove(r->dir, r->path);
    free(r);
    return 0;
}

static int append(struct rig *r)
{
    return wal_append(&r->wal, &r->latency_ns, &r->sync_ns, &r->e);
}

static void a_segment_is_preallocated_and_has_no_name(void **state)
{
    struct rig *r = *state;
    struct stat st;
    assert_int_equal(fstat(r->wal.fd, &st), 0);
    assert_int_equal(st.st_size, SEGMENT);
    assert_int_equal(fake_names(r->path), 0);
}

static void appends_stand_one_behind_the_other_and_do_not_grow_the_file(void **state)
{
    struct rig *r = *state;
    char bytes[RECORD];
    char before[RECORD] = { 0 };
    struct stat st;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(append(r), 0);
        assert_int_equal(r->wal.offset, (i + 1) * RECORD);
        assert_true(r->sync_ns <= r->latency_ns);
        assert_int_equal(pread(r->wal.fd, bytes, RECORD, i * RECORD), RECORD);
        assert_memory_equal(bytes, r->wal.record, RECORD);
        assert_memory_not_equal(bytes, before, RECORD); /* each is new */
        memcpy(before, bytes, RECORD);
    }
    assert_int_equal(r->wal.written_bytes, 5 * RECORD);
    assert_int_equal(fstat(r->wal.fd, &st), 0);
    assert_int_equal(st.st_size, SEGMENT);
}

static void a_full_segment_is_followed_by_a_fresh_one(void **state)
{
    struct rig *r = *state;
    unsigned fit = SEGMENT / RECORD;
    struct stat st;
    for (unsigned i = 0; i < fit; i++)
        assert_int_equal(append(r), 0);
    assert_int_equal(r->wal.offset, fit * RECORD);
    assert_int_equal(append(r), 0);
    assert_int_equal(r->wal.offset, RECORD);
    assert_int_equal(r->wal.written_bytes, (fit + 1) * RECORD);
    assert_int_equal(fstat(r->wal.fd, &st), 0);
    assert_int_equal(st.st_size, SEGMENT);
    assert_int_equal(fake_names(r->path), 0);
}

static void the_directory_may_be_closed_meanwhile(void **state)
{
    struct rig *r = *state;
    (void)close(r->dir);
    for (unsigned i = 0; i <= SEGMENT / RECORD; i++)
        assert_int_equal(append(r), 0);
    r->dir = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_full_disk_is_told_with_offset_and_errno(void **state)
{
    struct rig *r = *state;
    assert_int_equal(append(r), 0);
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(full >= 0 && dup2(full, r->wal.fd) >= 0);
    (void)close(full);
    assert_int_equal(append(r), -1);
    assert_int_equal(r->e.kind, ERR_NO_RESOURCE);
    assert_string_equal(r->e.msg, "write 1000 bytes at offset 1000 of the log: No space left on "
                                  "device");
    assert_int_equal(r->wal.written_bytes, RECORD);
}

static void a_failing_sync_is_told_apart_from_the_write(void **state)
{
    struct rig *r = *state;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* takes writes, cannot be synced */
    assert_true(null >= 0 && dup2(null, r->wal.fd) >= 0);
    (void)close(null);
    assert_int_equal(append(r), -1);
    assert_int_equal(r->e.sys, EINVAL);
    assert_non_null(strstr(r->e.msg, "fdatasync at offset 0 of the log"));
}

static void a_record_that_does_not_fit_is_refused(void **state)
{
    struct rig *r = *state;
    struct wal w;
    assert_int_equal(wal_open(&w, r->dir, SEGMENT + 1, SEGMENT, 1, &r->e), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    wal_release(&w);
    assert_int_equal(wal_open(&w, r->dir, 0, SEGMENT, 1, &r->e), -1);
    wal_release(&w);
}

static void release_may_be_called_again_and_on_nothing(void **state)
{
    struct rig *r = *state;
    struct wal zero = { 0 };
    if (fcntl(STDIN_FILENO, F_GETFD) < 0)
        assert_int_equal(open("/dev/null", O_RDONLY), STDIN_FILENO); // NOLINT: kept on purpose
    wal_release(&zero);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    struct wal closed = WAL_CLOSED;
    wal_release(&closed);
    wal_release(&r->wal);
    wal_release(&r->wal);
    assert_int_equal(r->wal.fd, -1);
}

#define with_log(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_log(a_segment_is_preallocated_and_has_no_name),
        with_log(appends_stand_one_behind_the_other_and_do_not_grow_the_file),
        with_log(a_full_segment_is_followed_by_a_fresh_one),
        with_log(the_directory_may_be_closed_meanwhile),
        with_log(a_full_disk_is_told_with_offset_and_errno),
        with_log(a_failing_sync_is_told_apart_from_the_write),
        with_log(a_record_that_does_not_fit_is_refused),
        with_log(release_may_be_called_again_and_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
