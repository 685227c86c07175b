#include "probes/disk/drive.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/buffers.h"
#include "tests/unit/probes/disk/fake.h"

enum {
    BLOCK = 4096,
    DEPTH = 32
};

struct rig {
    struct buffers buffers;
    struct pattern pattern;
    struct engine engine;
    struct hist latency;
    volatile sig_atomic_t stopping;
    struct drive drive;
    struct drive_count count;
    struct err e;
};

static struct rig *rig_open(const struct engine_row *row)
{
    struct rig *r = calloc(1, sizeof *r);
    fake = (struct fake){ .stopping = &r->stopping };
    assert_int_equal(buffers_open(&r->buffers, DEPTH, BLOCK, 1, &r->e), 0);
    assert_int_equal(hist_open(&r->latency, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e), 0);
    pattern_init(&r->pattern, PATTERN_RANDOM, UINT64_C(1000) * BLOCK, BLOCK, 1);
    struct engine_conf conf = {
        .fd = -1, .depth = DEPTH, .buffers = r->buffers.items, .buffer_bytes = BLOCK
    };
    r->engine = (struct engine){ .row = row, .conf = conf };
    assert_int_equal(row->open(&r->engine, &conf, &r->e), 0);
    r->drive = (struct drive){ .engine = &r->engine,
                               .pattern = &r->pattern,
                               .depth = DEPTH,
                               .latency = &r->latency,
                               .until_ns = UINT64_MAX,
                               .bytes_max = UINT64_C(1000) * BLOCK,
                               .stopping = &r->stopping,
                               .what = "the file 'x'" };
    return r;
}

static int rig_run(struct rig *r)
{
    return drive_run(&r->drive, &r->count, &r->e);
}

static void rig_close(struct rig *r)
{
    engine_close(&r->engine);
    buffers_release(&r->buffers);
    hist_release(&r->latency);
    free(r);
}

static void every_io_that_completes_is_recorded(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= DEPTH; depth++) {
        struct rig *r = rig_open(&engine_null);
        r->drive.depth = depth;
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(r->count.completed, 1000);
        assert_int_equal(r->latency.total, 1000);
        assert_int_equal(r->count.bytes, 1000 * BLOCK);
        assert_true(r->count.ended_ns >= r->count.began_ns);
        rig_close(r);
    }
}

static void depth_is_reached_and_never_exceeded(void **state)
{
    (void)state;
    for (unsigned give = 1; give <= 5; give += 2) {
        struct rig *r = rig_open(&fake_row);
        fake.give_most = give;
        r->drive.depth = 7;
        r->drive.batch = 7;
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(fake.most_waiting, 7);
        assert_int_equal(r->count.depth_max, 7);
        assert_int_equal(fake.faults, 0);
        assert_int_equal(r->latency.total, 1000);
        rig_close(r);
    }
}

static void an_engine_that_takes_few_at_a_time_loses_none(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    fake.take_most = 3;
    r->drive.depth = 8;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(fake.submitted, 1000);
    assert_int_equal(r->latency.total, 1000);
    assert_int_equal(fake.faults, 0);
    rig_close(r);
}

static void no_more_than_a_batch_is_handed_over_at_once(void **state)
{
    (void)state;

    static const struct {
        unsigned depth, batch, most;
    } cases[] = {
        {32,  0, 4},
        { 1,  0, 1},
        { 9,  0, 2},
        { 32, 5, 5},
        { 2,  5, 2},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_open(&fake_row);
        r->drive.depth = cases[i].depth;
        r->drive.batch = cases[i].batch;
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(fake.most_at_once, cases[i].most);
        assert_int_equal(r->latency.total, 1000);
        rig_close(r);
    }
}

static void sequential_blocks_are_all_written_in_order(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    fake.take_most = 3;
    fake.give_most = 2;
    pattern_init(&r->pattern, PATTERN_SEQUENTIAL, UINT64_C(1000) * BLOCK, BLOCK, 1);
    r->drive.write_percent = 100;
    r->drive.latency = NULL;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 1000);
    assert_int_equal(pattern_next(&r->pattern), 0); /* the walk is round */
    rig_close(r);
}

static void bytes_are_kept_to_the_byte(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    r->drive.write_percent = 100;
    r->drive.bytes_max = 10 * BLOCK + 4095;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(fake.submitted, 10);
    assert_int_equal(r->count.bytes, 10 * BLOCK);
    r->drive.bytes_max = BLOCK - 1;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 0);
    rig_close(r);
}

static void nothing_is_issued_when_time_is_over_or_it_was_stopped(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    r->drive.until_ns = 0;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(fake.submitted, 0);
    r->drive.until_ns = UINT64_MAX;
    r->stopping = 1;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(fake.submitted, 0);
    rig_close(r);
}

static void a_stop_in_the_middle_waits_for_what_is_in_flight_and_keeps_it(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    fake.stop_at = 100;
    fake.give_most = 1;
    r->drive.depth = 8;
    assert_int_equal(rig_run(r), 0);
    assert_true(fake.submitted >= 100 && fake.submitted < 110);
    assert_int_equal(r->latency.total, fake.submitted);
    assert_int_equal(fake.waiting_count, 0);
    rig_close(r);
}

static void an_error_names_the_file_the_offset_and_the_errno(void **state)
{
    (void)state;

    static const struct {
        int32_t result;
        enum err_kind kind;
        const char *text;
    } cases[] = {
        {-EIO,     ERR_IO,          "Input/output error"     },
        { -ENOSPC, ERR_NO_RESOURCE, "No space left on device"},
        { -EROFS,  ERR_IO,          "Read-only file system"  },
        { 512,     ERR_IO,          "only 512 bytes went"    },
        { 0,       ERR_IO,          "only 0 bytes went"      },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_open(&fake_row);
        fake.fail_at = 50;
        fake.fail_with = cases[i].result;
        r->drive.write_percent = 100;
        assert_int_equal(rig_run(r), -1);
        assert_int_equal(r->e.kind, cases[i].kind);
        assert_int_equal(r->e.sys, cases[i].result < 0 ? -cases[i].result : 0);
        assert_non_null(strstr(r->e.msg, cases[i].text));
        assert_non_null(strstr(r->e.msg, "write 4096 bytes at offset "));
        assert_non_null(strstr(r->e.msg, "of the file 'x'"));
        assert_int_equal(fake.waiting_count, 0); /* none left to scribble in the buffers */
        assert_false(r->engine.abandoned);
        rig_close(r);
    }
}

static void the_offset_named_is_that_of_the_failed_io(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    pattern_init(&r->pattern, PATTERN_SEQUENTIAL, UINT64_C(1000) * BLOCK, BLOCK, 1);
    fake.fail_at = 50;
    fake.fail_with = -EIO;
    assert_int_equal(rig_run(r), -1);
    assert_non_null(strstr(r->e.msg, "read 4096 bytes at offset 200704 of")); /* 49 * 4096 */
    rig_close(r);
}

static void a_disk_that_never_answers_is_left_behind(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    fake.silent = true;
    r->drive.answer_ns = 1;
    r->drive.depth = 4;
    assert_int_equal(rig_run(r), -1);
    assert_int_equal(r->e.kind, ERR_TIMEOUT);
    assert_non_null(strstr(r->e.msg, "did not answer"));
    assert_non_null(strstr(r->e.msg, "4 reads of the file 'x'"));
    assert_true(r->engine.abandoned);
    rig_close(r);
    assert_int_equal(fake.closed, 0); /* closing would wait for it */
}

static void an_engine_that_refuses_to_take_io_is_an_error(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row);
    fake.submit_fails = -EBADF;
    assert_int_equal(rig_run(r), -1);
    assert_int_equal(r->e.sys, EBADF);
    fake.submit_fails = -EAGAIN; /* and nothing is in flight that could free a place */
    assert_int_equal(rig_run(r), -1);
    rig_close(r);
}

static void depth_beyond_the_engine_is_refused(void **state)
{
    (void)state;
    struct rig *r = rig_open(&engine_sync);
    r->drive.depth = 2;
    assert_int_equal(rig_run(r), -1);
    assert_int_equal(r->e.kind, ERR_USAGE);
    rig_close(r);
    r = rig_open(&fake_row);
    r->drive.depth = DEPTH + 1;
    assert_int_equal(rig_run(r), -1);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_io_that_completes_is_recorded),
        cmocka_unit_test(depth_is_reached_and_never_exceeded),
        cmocka_unit_test(an_engine_that_takes_few_at_a_time_loses_none),
        cmocka_unit_test(no_more_than_a_batch_is_handed_over_at_once),
        cmocka_unit_test(sequential_blocks_are_all_written_in_order),
        cmocka_unit_test(bytes_are_kept_to_the_byte),
        cmocka_unit_test(nothing_is_issued_when_time_is_over_or_it_was_stopped),
        cmocka_unit_test(a_stop_in_the_middle_waits_for_what_is_in_flight_and_keeps_it),
        cmocka_unit_test(an_error_names_the_file_the_offset_and_the_errno),
        cmocka_unit_test(the_offset_named_is_that_of_the_failed_io),
        cmocka_unit_test(a_disk_that_never_answers_is_left_behind),
        cmocka_unit_test(an_engine_that_refuses_to_take_io_is_an_error),
        cmocka_unit_test(depth_beyond_the_engine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
