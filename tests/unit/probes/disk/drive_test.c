#include "probes/disk/drive.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/disk/buffers.h"
#include "probes/kit/clk.h"
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

static void what_completes_before_it_is_warm_is_not_recorded(void **state)
{
    (void)state;
    struct rig *r = rig_open(&engine_null);
    r->drive.warm_until_ns = UINT64_MAX;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 1000);
    assert_int_equal(r->count.bytes, 1000 * BLOCK);
    assert_int_equal(r->latency.total, 0);
    assert_int_equal(r->count.timed_count, 0);
    assert_int_equal(r->count.timed_ns, 0);
    rig_close(r);
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
        {32,  0, 1},
        { 1,  0, 1},
        { 9,  0, 1},
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

/* A second of a disk that answers one after the other: mean latency times IOPS is the depth. */
static void all_of_the_depth_is_in_the_latencies(void **state)
{
    (void)state;

    static const struct {
        unsigned depth, batch, give;
    } cases[] = {
        {1,   0, 0},
        { 8,  0, 0},
        { 8,  8, 0},
        { 32, 4, 3},
        { 32, 1, 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tick tick = fake_tick;
        struct rig *r = rig_open(&fake_row);
        fake.now_ns = 1000;
        fake.service_ns = CLK_NS_PER_MS / 10;
        fake.give_most = cases[i].give;
        r->drive.tick = &tick;
        r->drive.depth = cases[i].depth;
        r->drive.batch = cases[i].batch;
        assert_int_equal(rig_run(r), 0);
        double seconds = (double)(r->count.ended_ns - r->count.began_ns) / CLK_NS_PER_S;
        double load = hist_mean(&r->latency) / CLK_NS_PER_S * (double)r->count.completed / seconds;
        assert_true(load > 0.97 * r->drive.depth && load < 1.01 * r->drive.depth);
        rig_close(r);
    }
}

/* None is kept back behind others that came free later. */
static void places_are_refilled_in_the_order_in_which_they_came_free(void **state)
{
    (void)state;
    struct tick tick = fake_tick;
    struct rig *r = rig_open(&fake_row);
    fake.now_ns = 1000;
    fake.service_ns = CLK_NS_PER_MS / 100;
    fake.handing_ns = CLK_NS_PER_MS / 10; /* several are free at once, and wait */
    r->drive.tick = &tick;
    r->drive.batch = 1;
    assert_int_equal(rig_run(r), 0);
    assert_true(r->latency.total == 1000);
    assert_true(r->latency.max <= (DEPTH + 2) * fake.handing_ns);
    rig_close(r);
}

/* Where answers come at once, one slot does it all: its buffer stays in the processor's cache. */
static void the_slot_that_was_used_last_is_used_next(void **state)
{
    (void)state;
    struct rig *r = rig_open(&fake_row); /* answers before the next place is filled */
    r->drive.batch = 1;
    assert_int_equal(rig_run(r), 0);
    assert_true(fake.by_slot[0] == 1000);
    rig_close(r);
}

#define MS ((uint64_t)CLK_NS_PER_MS)

/* An open loop for one second of the fake disk's time: an I/O each ms, answered in 100 us. */
/* A closed loop on a disk that answers one I/O each 100 us, from second 1 to second 2. */
static struct rig *closed_loop(struct tick *tick, unsigned depth)
{
    struct rig *r = rig_open(&fake_row);
    *tick = fake_tick;
    fake.now_ns = 1000 * MS;
    fake.service_ns = MS / 10;
    r->drive.tick = tick;
    r->drive.depth = depth;
    r->drive.warm_until_ns = 1500 * MS;
    r->drive.until_ns = 2000 * MS;
    r->drive.bytes_max = UINT64_MAX;
    return r;
}

static void a_rate_is_of_the_time_between_warm_and_the_end(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= DEPTH; depth *= 2) {
        struct tick tick;
        struct rig *r = closed_loop(&tick, depth);
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(r->count.timed_ns, 500 * MS);
        assert_in_range(r->count.timed_count, 4990, 5000); /* less what the loop itself takes */
        assert_in_range(r->count.completed, 9980, 10000 + DEPTH);
        assert_in_range(r->latency.total, r->count.timed_count, r->count.timed_count + depth);
        rig_close(r);
    }
}

/* Of the 500 ms, a failure after 300: else the rate would be of no time at all. */
static void a_failure_ends_the_time_of_a_rate_too(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = closed_loop(&tick, 4);
    fake.fail_at = 8000;
    fake.fail_with = -EIO;
    assert_int_equal(rig_run(r), -1);
    assert_in_range(r->count.timed_ns, 299 * MS, 302 * MS);
    assert_in_range(r->count.timed_count, 2980, 3000);
    rig_close(r);
}

/* As a limiter does, that lets nothing through until its next slice. */
static void who_waits_at_the_end_is_recorded_and_spoils_no_rate(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = closed_loop(&tick, 8);
    fake.stall_from_ns = 1900 * MS;
    fake.stall_to_ns = 2400 * MS;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.timed_ns, 500 * MS);
    assert_in_range(r->count.timed_count, 3990, 4000);
    assert_int_equal(r->latency.total, r->count.timed_count + 8);
    assert_true(r->latency.max >= 500 * MS);
    assert_true(r->count.ended_ns > 2400 * MS);
    rig_close(r);
}

static void bytes_used_up_end_the_time_of_the_rate(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = closed_loop(&tick, 8);
    r->drive.warm_until_ns = 0;
    r->drive.bytes_max = UINT64_C(108) * BLOCK;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->latency.total, 108);
    assert_in_range(r->count.timed_count, 99, 101); /* and then 8 were in flight */
    assert_in_range(r->count.timed_ns, 99 * MS / 10, 102 * MS / 10);
    rig_close(r);
}

static struct rig *open_loop(struct tick *tick, unsigned depth)
{
    struct rig *r = rig_open(&fake_row);
    *tick = fake_tick;
    fake.now_ns = 1000 * MS;
    fake.service_ns = MS / 10;
    r->drive.tick = tick;
    r->drive.depth = depth;
    r->drive.interval_ns = MS;
    r->drive.until_ns = 2000 * MS;
    r->drive.bytes_max = UINT64_MAX;
    return r;
}

static void an_open_loop_keeps_its_rate_and_sleeps_between(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= DEPTH; depth *= 8) {
        struct tick tick;
        struct rig *r = open_loop(&tick, depth);
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(r->count.completed, 1000);
        assert_int_equal(r->latency.total, 1000);
        assert_int_equal(r->count.unissued, 0);
        assert_true(r->latency.min >= MS / 10);
        assert_true(r->latency.max < MS / 10 + 3 * FAKE_POLL_NS);
        assert_true(r->count.late_max_ns < 2 * FAKE_POLL_NS);
        assert_true(fake.slept_ns > 900 * MS);
        rig_close(r);
    }
}

/* 400 ms of silence: those due in it waited from 0 to 400 ms, whatever could be handed over. */
static void a_stall_is_felt_by_all_that_were_due_in_it(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= DEPTH; depth *= 2) {
        struct tick tick;
        struct rig *r = open_loop(&tick, depth);
        fake.stall_from_ns = 1200 * MS;
        fake.stall_to_ns = 1600 * MS;
        assert_int_equal(rig_run(r), 0);
        assert_int_equal(r->count.completed, 1000);
        assert_int_equal(r->latency.total, 1000);
        uint64_t slow = hist_count_above(&r->latency, 200 * MS);
        assert_true(slow >= 200 && slow <= 230);
        assert_true(r->latency.max >= 399 * MS && r->latency.max < 402 * MS);
        assert_true(depth >= 8 || r->count.late_max_ns > 390 * MS);
        rig_close(r);
    }
}

static void what_was_due_and_found_no_place_is_recorded_too(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 8; depth *= 8) {
        struct tick tick;
        struct rig *r = open_loop(&tick, depth);
        fake.service_ns = 4 * MS; /* a quarter of the rate */
        assert_int_equal(rig_run(r), 0);
        assert_true(r->count.completed >= 249 && r->count.completed <= 250 + depth);
        assert_int_equal(r->count.unissued + r->count.completed, 1000);
        assert_int_equal(r->latency.total, 1000);
        assert_true(r->latency.max > 700 * MS && r->latency.max < 800 * MS);
        rig_close(r);
    }
}

static void an_open_loop_of_writes_and_reads_tells_them_apart(void **state)
{
    (void)state;
    struct tick tick;
    struct hist writes = { 0 };
    struct rig *r = open_loop(&tick, 4);
    assert_int_equal(hist_open(&writes, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &r->e), 0);
    r->drive.write_percent = 30;
    r->drive.write_latency = &writes;
    fake.stall_from_ns = 1500 * MS;
    fake.stall_to_ns = 3000 * MS;
    assert_int_equal(rig_run(r), 0);
    assert_true(r->count.unissued > 400);
    assert_int_equal(r->latency.total + writes.total, 1000);
    assert_true(writes.total > 230 && writes.total < 370);
    assert_true(r->count.written_bytes < writes.total * BLOCK);
    assert_int_equal(r->count.written_bytes % BLOCK, 0);
    hist_release(&writes);
    rig_close(r);
}

static void an_open_loop_ends_when_it_is_stopped_or_bytes_are_used_up(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = open_loop(&tick, 4);
    fake.stop_at = 100;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 100);
    assert_int_equal(r->count.unissued, 0);
    r->stopping = 0;
    r->drive.until_ns = 4000 * MS;
    r->drive.bytes_max = 10 * BLOCK;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 10);
    assert_int_equal(r->count.unissued, 0);
    rig_close(r);
}

static void an_open_loop_leaves_a_silent_disk_behind(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 32; depth *= 32) {
        struct tick tick;
        struct rig *r = open_loop(&tick, depth);
        r->drive.interval_ns = 40 * MS;
        r->drive.until_ns = 100000 * MS;
        r->drive.answer_ns = 500 * MS;
        fake.stall_from_ns = 1200 * MS;
        fake.stall_to_ns = UINT64_MAX / 2;
        assert_int_equal(rig_run(r), -1);
        assert_int_equal(r->e.kind, ERR_TIMEOUT);
        assert_true(r->engine.abandoned);
        assert_true(fake.now_ns < 2500 * MS);
        rig_close(r);
    }
}

/* A pause between two I/Os is no silence of the disk. */
static void an_open_loop_slower_than_the_patience_is_patient(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = open_loop(&tick, 2);
    r->drive.interval_ns = 400 * MS;
    r->drive.answer_ns = 10 * MS;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 3);
    rig_close(r);
}

static void completions_are_waited_for_in_groups_when_asked(void **state)
{
    (void)state;
    struct tick tick;
    struct rig *r = open_loop(&tick, 32);
    r->drive.interval_ns = 0;
    r->drive.batch = 8;
    r->drive.batch_least = 8;
    r->drive.bytes_max = 1000 * BLOCK;
    assert_int_equal(rig_run(r), 0);
    assert_int_equal(r->count.completed, 1000);
    assert_int_equal(fake.most_waiting, 32);
    assert_int_equal(fake.most_least, 8);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_io_that_completes_is_recorded),
        cmocka_unit_test(what_completes_before_it_is_warm_is_not_recorded),
        cmocka_unit_test(a_rate_is_of_the_time_between_warm_and_the_end),
        cmocka_unit_test(a_failure_ends_the_time_of_a_rate_too),
        cmocka_unit_test(who_waits_at_the_end_is_recorded_and_spoils_no_rate),
        cmocka_unit_test(bytes_used_up_end_the_time_of_the_rate),
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
        cmocka_unit_test(all_of_the_depth_is_in_the_latencies),
        cmocka_unit_test(places_are_refilled_in_the_order_in_which_they_came_free),
        cmocka_unit_test(the_slot_that_was_used_last_is_used_next),
        cmocka_unit_test(an_open_loop_keeps_its_rate_and_sleeps_between),
        cmocka_unit_test(a_stall_is_felt_by_all_that_were_due_in_it),
        cmocka_unit_test(what_was_due_and_found_no_place_is_recorded_too),
        cmocka_unit_test(an_open_loop_of_writes_and_reads_tells_them_apart),
        cmocka_unit_test(an_open_loop_ends_when_it_is_stopped_or_bytes_are_used_up),
        cmocka_unit_test(an_open_loop_leaves_a_silent_disk_behind),
        cmocka_unit_test(an_open_loop_slower_than_the_patience_is_patient),
        cmocka_unit_test(completions_are_waited_for_in_groups_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
