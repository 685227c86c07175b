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

static void open_kind(struct rig *r, unsigned index)
{
    wal_release(&r->wal);
    assert_int_equal(wal_open_kind(&r->wal, r->dir, &wal_kinds[index], 1, &r->e), 0);
}

static struct stat state_of(const struct rig *r)
{
    struct stat st;
    assert_int_equal(fstat(r->wal.fd, &st), 0);
    return st;
}

static void kinds_are_told_apart_by_name_and_have_a_source(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAL_KINDS; i++) {
        const struct wal_kind *k = &wal_kinds[i];
        assert_true(strlen(k->name) > 1 && strlen(k->who) > 3 && strlen(k->source) > 20);
        assert_true(k->record_bytes > 0 && k->segment_bytes > 0);
        assert_non_null(wal_spaces[k->space]);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(k->name, wal_kinds[j].name);
    }
}

/* What a sync finds: blocks that are there, a hole, no size, blocks that were written. */
static void each_kind_makes_space_in_its_own_way(void **state)
{
    struct rig *r = *state;

    static const struct {
        off_t size, least_blocks;
        uint64_t written;
    } expected[WAL_KINDS] = {
        [WAL_ETCD] = {64 << 20,  (64 << 20) / 512, 0      },
        [WAL_8K] = { 64 << 20, (64 << 20) / 512, 0      },
        [WAL_ZOOKEEPER] = { 64 << 20, 0,                0      },
        [WAL_BOLT] = { 4 << 20,  (4 << 20) / 512,  4 << 20},
        [WAL_LEVELDB] = { 0,        0,                0      },
    };

    for (unsigned i = 0; i < WAL_KINDS; i++) {
        open_kind(r, i);
        struct stat st = state_of(r);
        assert_int_equal(st.st_size, expected[i].size);
        assert_true(st.st_blocks >= expected[i].least_blocks);
        assert_true(expected[i].least_blocks > 0 || st.st_blocks < 16);
        assert_int_equal(r->wal.written_bytes, expected[i].written);
        assert_int_equal(wal_fill_bytes(&wal_kinds[i]), expected[i].written);
        assert_int_equal(append(r), 0);
        assert_true(r->sync_ns <= r->latency_ns);
        assert_int_equal(r->wal.written_bytes, expected[i].written + wal_append_bytes(&r->wal));
        assert_int_equal(fake_names(r->path), 0);
    }
}

static void a_growing_log_grows_by_the_record(void **state)
{
    struct rig *r = *state;
    open_kind(r, WAL_LEVELDB);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(append(r), 0);
        assert_int_equal(state_of(r).st_size, i * WAL_RECORD_BYTES);
    }
}

static void the_page_at_the_start_changes_its_place_with_each_commit(void **state)
{
    struct rig *r = *state;
    char page[4096];
    open_kind(r, WAL_BOLT);
    assert_int_equal(r->wal.offset, 2 * 4096);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(append(r), 0);
        assert_int_equal(r->wal.offset, 2 * 4096 + (i + 1) * 16384);
        assert_int_equal(pread(r->wal.fd, page, sizeof page, i % 2 * 4096), sizeof page);
        assert_memory_equal(page, r->wal.record, sizeof page);
    }
    assert_int_equal(wal_append_bytes(&r->wal), 5 * 4096);
}

static void a_reused_log_begins_anew_in_the_same_file(void **state)
{
    struct rig *r = *state;
    struct wal_kind kind = wal_kinds[WAL_BOLT];
    kind.segment_bytes = 64 << 10;
    wal_release(&r->wal);
    assert_int_equal(wal_open_kind(&r->wal, r->dir, &kind, 1, &r->e), 0);
    ino_t ino = state_of(r).st_ino;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(append(r), 0);
    assert_int_equal(r->wal.offset, 2 * 4096 + 3 * 16384);
    assert_int_equal(append(r), 0); /* 56 KiB of 64 are used: a fourth does not fit */
    assert_int_equal(r->wal.offset, 2 * 4096 + 16384);
    assert_int_equal(state_of(r).st_ino, ino);
    assert_int_equal(r->wal.written_bytes, (64 << 10) + 4 * 5 * 4096); /* filled once */
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
    struct wal_kind kind = wal_kinds[WAL_BOLT];
    kind.segment_bytes = 2 * 4096 + 16383; /* no room beside the two pages */
    assert_int_equal(wal_open_kind(&w, r->dir, &kind, 1, &r->e), -1);
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
        with_log(kinds_are_told_apart_by_name_and_have_a_source),
        with_log(each_kind_makes_space_in_its_own_way),
        with_log(a_growing_log_grows_by_the_record),
        with_log(the_page_at_the_start_changes_its_place_with_each_commit),
        with_log(a_reused_log_begins_anew_in_the_same_file),
        with_log(a_record_that_does_not_fit_is_refused),
        with_log(release_may_be_called_again_and_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
