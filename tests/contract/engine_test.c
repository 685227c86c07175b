/*
 * Every row of the engine table keeps the contract of probes/disk/engine.h. What this kernel does
 * not offer is skipped by name.
 */
#include "probes/disk/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/disk/buffers.h"
#include "probes/disk/drive.h"
#include "probes/disk/unnamed.h"
#include "probes/kit/clk.h"

enum {
    BLOCK = 4096,
    BLOCKS = 64,
    DEPTH = 8
};

struct rig {
    int fd;
    bool direct;
    struct buffers buffers;
    struct engine engine;
    unsigned char *content; /* BLOCKS * BLOCK */
    struct err e;
};

static int unnamed_fd(bool *direct)
{
    struct err e;
    int dir = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = unnamed_open(dir, O_DIRECT, &e);
    *direct = fd >= 0;
    fd = fd >= 0 ? fd : unnamed_open(dir, 0, &e);
    (void)close(dir);
    return fd;
}

static bool rig_open_without(struct rig *r, const struct engine_row *row,
                             const struct engine_without *without)
{
    struct buffers content;
    *r = (struct rig){ 0 };
    if (row->supported(&r->e)) {
        print_message("%s is skipped: %s\n", row->name, r->e.msg);
        return false;
    }
    r->fd = unnamed_fd(&r->direct);
    assert_true(r->fd >= 0);
    assert_int_equal(buffers_open(&content, 1, BLOCKS * BLOCK, 42, &r->e), 0);
    r->content = content.memory;
    assert_int_equal(pwrite(r->fd, r->content, BLOCKS * BLOCK, 0), BLOCKS * BLOCK);
    assert_int_equal(buffers_open(&r->buffers, DEPTH, BLOCK, 1, &r->e), 0);
    struct engine_conf conf = {
        .fd = r->fd,
        .depth = DEPTH,
        .buffers = r->buffers.items,
        .buffer_bytes = BLOCK,
        .without = *without,
    };
    r->engine = (struct engine){ .row = row, .conf = conf };
    assert_int_equal(row->open(&r->engine, &conf, &r->e), 0);
    return true;
}

static bool rig_open(struct rig *r, const struct engine_row *row)
{
    static const struct engine_without nothing = { 0 };
    return rig_open_without(r, row, &nothing);
}

static void rig_close(struct rig *r)
{
    engine_close(&r->engine);
    buffers_release(&r->buffers);
    free(r->content);
    (void)close(r->fd);
}

/* One I/O from hand-over to completion. */
static int32_t one(struct rig *r, struct engine_io io)
{
    struct engine_done done = { .slot = UINT32_MAX };
    int n = 0;
    assert_int_equal(r->engine.row->submit(&r->engine, &io, 1), 1);
    for (unsigned tries = 0; n == 0 && tries < 100; tries++)
        n = r->engine.row->reap(&r->engine, &done, 1, 1, CLK_NS_PER_S);
    assert_int_equal(n, 1);
    assert_int_equal(done.slot, io.slot);
    return done.result;
}

static bool touches_the_file(const struct engine_row *row)
{
    return row != &engine_null;
}

typedef void check(struct rig *r);

static void for_each_row(check *body)
{
    for (unsigned i = 0; engine_all[i]; i++) {
        struct rig r;
        if (!rig_open(&r, engine_all[i]))
            continue;
        body(&r);
        rig_close(&r);
    }
}

static void check_reads(struct rig *r)
{
    if (!touches_the_file(r->engine.row))
        return;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint32_t slot = i % DEPTH;
        uint64_t block = i * 29 % BLOCKS;
        memset(r->buffers.items[slot], 0, BLOCK);
        assert_int_equal(
            one(r, (struct engine_io){ .offset = block * BLOCK, .bytes = BLOCK, .slot = slot }),
            BLOCK);
        assert_memory_equal(r->buffers.items[slot], r->content + block * BLOCK, BLOCK);
    }
}

static void the_same_reads_give_the_same_bytes(void **state)
{
    (void)state;
    for_each_row(check_reads);
}

static void check_writes(struct rig *r)
{
    unsigned char *back = NULL;
    struct buffers buffer;
    if (!touches_the_file(r->engine.row))
        return;
    assert_int_equal(buffers_open(&buffer, 1, BLOCK, 3, &r->e), 0);
    back = buffer.memory;
    for (uint32_t slot = 0; slot < DEPTH; slot++) {
        uint64_t offset = (uint64_t)(BLOCKS - 1 - slot) * BLOCK;
        assert_int_equal(one(r,
                             (struct engine_io){
                                 .offset = offset, .bytes = BLOCK, .slot = slot, .write = true }),
                         BLOCK);
        assert_int_equal(pread(r->fd, back, BLOCK, (off_t)offset), BLOCK);
        assert_memory_equal(back, r->buffers.items[slot], BLOCK);
    }
    buffers_release(&buffer);
}

static void what_is_written_is_in_the_file(void **state)
{
    (void)state;
    for_each_row(check_writes);
}

static void check_end_of_file(struct rig *r)
{
    if (!touches_the_file(r->engine.row))
        return;
    assert_int_equal(
        one(r, (struct engine_io){ .offset = (uint64_t)BLOCKS * BLOCK, .bytes = BLOCK }), 0);
}

static void a_read_behind_the_end_gives_nothing(void **state)
{
    (void)state;
    for_each_row(check_end_of_file);
}

static void check_error(struct rig *r)
{
    if (!touches_the_file(r->engine.row) || !r->direct)
        return;
    /* Direct I/O from an odd place. Ext4 on some kernels does it buffered: then it is no error. */
    int32_t result = one(r, (struct engine_io){ .offset = 1, .bytes = BLOCK });
    assert_true(result == -EINVAL || result == BLOCK);
}

static void errors_come_back_as_negative_errno(void **state)
{
    (void)state;
    for_each_row(check_error);
}

static void check_queue(struct rig *r)
{
    struct engine_io ios[DEPTH];
    struct engine_done done[DEPTH];
    bool seen[DEPTH] = { 0 };
    unsigned total = 0;
    if (!r->engine.row->queues)
        return;
    for (uint32_t i = 0; i < DEPTH; i++)
        ios[i] = (struct engine_io){ .offset = (uint64_t)i * BLOCK, .bytes = BLOCK, .slot = i };
    assert_int_equal(r->engine.row->submit(&r->engine, ios, DEPTH), DEPTH);
    for (unsigned tries = 0; total < DEPTH && tries < 100; tries++) {
        int n = r->engine.row->reap(&r->engine, done, 1, 3, CLK_NS_PER_S);
        assert_true(n >= 0 && n <= 3);
        for (int i = 0; i < n; i++) {
            assert_false(seen[done[i].slot]);
            seen[done[i].slot] = true;
            assert_int_equal(done[i].result, BLOCK);
        }
        total += (unsigned)n;
    }
    assert_int_equal(total, DEPTH);
}

static void a_whole_depth_is_taken_and_every_slot_answered_once(void **state)
{
    (void)state;
    for_each_row(check_queue);
}

static void check_empty_reap(struct rig *r)
{
    struct engine_done done;
    assert_int_equal(r->engine.row->reap(&r->engine, &done, 1, 1, CLK_NS_PER_MS), 0);
    assert_int_equal(r->engine.row->reap(&r->engine, &done, 0, 1, UINT64_MAX / 2), 0);
}

static void check_reap_without_waiting(struct rig *r)
{
    struct engine_io io = { .bytes = BLOCK };
    struct engine_done done;
    int n = 0;
    assert_int_equal(r->engine.row->submit(&r->engine, &io, 1), 1);
    while (n == 0) /* it must have been handed over, or this would never end */
        n = r->engine.row->reap(&r->engine, &done, 0, 1, 0);
    assert_int_equal(n, 1);
    assert_int_equal(done.result, BLOCK);
}

static void a_reap_that_does_not_wait_hands_over_all_the_same(void **state)
{
    (void)state;
    for_each_row(check_reap_without_waiting);
}

static void waiting_for_nothing_ends_with_nothing(void **state)
{
    (void)state;
    for_each_row(check_empty_reap);
}

static void check_close_in_flight(struct rig *r)
{
    struct engine_io io = { .bytes = BLOCK };
    bool reads = touches_the_file(r->engine.row);
    memset(r->buffers.items[0], 0, BLOCK);
    assert_int_equal(r->engine.row->submit(&r->engine, &io, 1), 1);
    engine_close(&r->engine);
    if (reads) /* it has come, so it cannot come later into memory that others have by then */
        assert_memory_equal(r->buffers.items[0], r->content, BLOCK);
    engine_close(&r->engine);
}

static void close_waits_for_what_is_in_flight_and_may_be_called_again(void **state)
{
    (void)state;
    for_each_row(check_close_in_flight);
}

static void check_drive(struct rig *r)
{
    static const volatile sig_atomic_t stopping = 0;
    struct pattern pattern;
    struct drive_count count;
    pattern_init(&pattern, PATTERN_RANDOM, (uint64_t)BLOCKS * BLOCK, BLOCK, 9);
    struct drive drive = { .engine = &r->engine,
                           .pattern = &pattern,
                           .depth = r->engine.row->queues ? DEPTH : 1,
                           .write_percent = 100,
                           .until_ns = UINT64_MAX,
                           .bytes_max = 200 * BLOCK,
                           .stopping = &stopping,
                           .what = "the test's file" };
    assert_int_equal(drive_run(&drive, &count, &r->e), 0);
    assert_int_equal(count.completed, 200);
}

static void the_loop_runs_on_every_engine(void **state)
{
    (void)state;
    for_each_row(check_drive);
}

/* What is switched off is told, or, of the ring's mode, not told. */
static void every_engine_works_without_each_feature(void **state)
{
    (void)state;

    static const struct {
        struct engine_without without;
        const char *told, *untold;
    } cases[] = {
        {{ 0 },                                         "",                                      "as asked"            },
        { { .fixed_file = true },                       "without registered file (as asked)",    ", registered file"   },
        { { .fixed_buffers = true },
         "without registered buffers (as asked)",                                                ", registered buffers"},
        { { .fixed_ring = true },                       "without registered ring (as asked)",    ", registered ring"   },
        { { .polling = true },                          "without polled completions (as asked)", ", polled"            },
        { { .single_issuer = true },                    "",                                      "single issuer"       },
        { { .deferral = true },                         "",                                      "deferred"            },
        { { .deferral = true, .cooperation = true },    "",                                      "task work"           },
        { { true, true, true, true, true, true, true }, "no optional ring feature",              "issuer"              },
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned k = 0; engine_all[k]; k++) {
            struct rig r;
            if (!rig_open_without(&r, engine_all[k], &cases[i].without))
                continue;
            if (r.engine.row == &engine_uring) {
                assert_non_null(strstr(r.engine.features, cases[i].told));
                assert_null(strstr(r.engine.features, cases[i].untold));
                assert_true(strlen(r.engine.features) + 1 < sizeof r.engine.features);
            }
            check_reads(&r);
            check_writes(&r);
            check_queue(&r);
            check_empty_reap(&r);
            check_drive(&r);
            rig_close(&r);
        }
    }
}

/* Slots in an order of their own, some of the depth: each entry is that of its slot. */
static void check_order(struct rig *r)
{
    static const uint32_t slots[] = { 5, 2, 7, 0 };
    struct engine_io ios[4];
    if (!r->engine.row->queues || !touches_the_file(r->engine.row))
        return;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 4; i++)
            ios[i] = (struct engine_io){ .offset = (slots[i] + round) * (uint64_t)BLOCK,
                                         .bytes = BLOCK,
                                         .slot = slots[i] };
        assert_int_equal(r->engine.row->submit(&r->engine, ios, 4), 4);
        struct engine_done done[4];
        for (int got = 0; got < 4;) {
            int n = r->engine.row->reap(&r->engine, done, 4, 4, CLK_NS_PER_S);
            assert_true(n >= 0);
            got += n;
        }
        for (uint32_t i = 0; i < 4; i++)
            assert_memory_equal(r->buffers.items[slots[i]],
                                r->content + (slots[i] + round) * (size_t)BLOCK, BLOCK);
    }
}

static void slots_may_come_in_any_order(void **state)
{
    (void)state;
    for_each_row(check_order);
}

/* Half a buffer now, a whole one then. */
static void check_shorter_io(struct rig *r)
{
    assert_int_equal(one(r, (struct engine_io){ .bytes = BLOCK / 2 }), BLOCK / 2);
    assert_int_equal(one(r, (struct engine_io){ .bytes = BLOCK }), BLOCK);
}

static void an_io_may_be_shorter_than_its_buffer(void **state)
{
    (void)state;
    for_each_row(check_shorter_io);
}

static void names_are_unique_and_rows_complete(void **state)
{
    (void)state;
    for (unsigned i = 0; engine_all[i]; i++) {
        const struct engine_row *row = engine_all[i];
        assert_true(row->name && row->title && row->supported && row->open && row->submit &&
                    row->reap && row->close);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(row->name, engine_all[k]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_rows_complete),
        cmocka_unit_test(the_same_reads_give_the_same_bytes),
        cmocka_unit_test(what_is_written_is_in_the_file),
        cmocka_unit_test(a_read_behind_the_end_gives_nothing),
        cmocka_unit_test(errors_come_back_as_negative_errno),
        cmocka_unit_test(a_whole_depth_is_taken_and_every_slot_answered_once),
        cmocka_unit_test(a_reap_that_does_not_wait_hands_over_all_the_same),
        cmocka_unit_test(waiting_for_nothing_ends_with_nothing),
        cmocka_unit_test(close_waits_for_what_is_in_flight_and_may_be_called_again),
        cmocka_unit_test(the_loop_runs_on_every_engine),
        cmocka_unit_test(every_engine_works_without_each_feature),
        cmocka_unit_test(slots_may_come_in_any_order),
        cmocka_unit_test(an_io_may_be_shorter_than_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
