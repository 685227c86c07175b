#include "bench/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bench/frame.h"
#include "probes/kit/auto.h"
#include "probes/kit/document.h"
#include "tests/unit/bench/fakes.h"

/* Runs it in this very process, and reads what it sent: the figures told, then the result. */
static void run(const struct job *job, struct result *r, unsigned *told)
{
    int ends[2];
    struct err e = { 0 };
    AUTO(buf) struct buf in = { 0 };
    AUTO(buf) struct buf payload = { 0 };
    enum frame_type type;
    char bytes[65536]; /* what a pipe holds */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child_run(job, &(struct child_rooms){ -1, -1, -1 }, ends[1]);
    (void)close(ends[1]);
    for (ssize_t n = read(ends[0], bytes, sizeof bytes); n > 0;
         n = read(ends[0], bytes, sizeof bytes)) {
        buf_add(&in, bytes, (size_t)n);
    }
    (void)close(ends[0]);
    *told = 0;
    while (frame_take(&in, &type, &payload) == FRAME_WHOLE && type == FRAME_PROGRESS)
        ++*told;
    assert_int_equal(type, FRAME_RESULT);
    assert_int_equal(in.size, 0);
    assert_int_equal(document_read_fragment(buf_text(&payload), payload.size, r, &e), 0);
}

static struct job job_of(const struct probe *p)
{
    return (struct job){ .probe = p,
                         .patience = &fakes_patience,
                         .seed = 40,
                         .slot_ns = FAKES_SLOT_NS,
                         .run_start_ns = clk_now_ns() };
}

static void each_repetition_is_a_block_of_its_own(void **state)
{
    (void)state;
    struct job job = job_of(&fakes_good);
    AUTO(result) struct result r = { 0 };
    unsigned told = 0;
    run(&job, &r, &told);
    assert_true(told >= 1);
    for (unsigned i = 0; i < r.metric_count; i++) {
        const struct result_metric *m = &r.metrics[i];
        assert_int_equal(m->block_count, 3);
        for (unsigned k = 0; k < m->block_count; k++) {
            assert_int_equal(m->blocks[k].n, 1); /* rows are emptied in between */
            assert_true(m->blocks[k].observed_ns > 0);
            assert_true(!k || m->blocks[k].at_ns > m->blocks[k - 1].at_ns);
        }
    }
}

/* As many repetitions as a day's budget makes. */
static int count_up(struct probe_run *run, struct err *e)
{
    (void)e;
    run->values[1] = run->repetition;
    run->observed_ns[1] = 1;
    run->done = run->repetition + 1 == 4 * LIMITS_BLOCKS;
    return 0;
}

static void more_repetitions_than_blocks_are_joined_and_none_is_dropped(void **state)
{
    static const struct probe p = FAKE("fake.many", .measure = count_up);
    (void)state;
    struct job job = job_of(&p);
    job.slot_ns = 3600 * (uint64_t)CLK_NS_PER_S;
    AUTO(result) struct result r = { 0 };
    unsigned told = 0;
    run(&job, &r, &told);
    const struct result_metric *m = result_metric_find(&r, "fake.rate");
    assert_true(m->block_count <= LIMITS_BLOCKS);
    assert_int_equal(m->n, 4 * LIMITS_BLOCKS);
    assert_int_equal(m->observed_ns, 4 * LIMITS_BLOCKS);
    for (unsigned k = 1; k < m->block_count; k++)
        assert_int_equal(m->blocks[k].joined, m->blocks[0].joined);
    /* 0, 1, ... 4 B - 1: a late repetition weighs as much as an early one */
    assert_true(result_statistic_find(m, "value")->value == (4 * LIMITS_BLOCKS - 1) / 2.0);
}

struct calls {
    char text[16];
};

static struct calls order; /* hooks have no argument of the test's own */

static void call(char c)
{
    order.text[strlen(order.text)] = c;
}

static int order_setup(struct probe_run *run, struct err *e)
{
    (void)run;
    (void)e;
    call('s');
    return 0;
}

static int order_fail(struct probe_run *run, struct err *e)
{
    call('s');
    return fakes_fail(run, e);
}

static int order_measure(struct probe_run *run, struct err *e)
{
    call('m');
    run->done = true;
    return fakes_measure(run, e);
}

static void order_judge(struct probe_run *run)
{
    (void)run;
    call('j');
}

static void order_teardown(struct probe_run *run)
{
    (void)run;
    call('t');
}

static void the_steps_come_in_order_and_teardown_always(void **state)
{
    static const struct probe whole =
        FAKE("fake.order", .setup = order_setup, .measure = order_measure, .judge = order_judge,
             .teardown = order_teardown);
    static const struct probe half =
        FAKE("fake.order", .setup = order_fail, .measure = order_measure, .judge = order_judge,
             .teardown = order_teardown);
    (void)state;
    struct job job = job_of(&whole);
    struct result r = { 0 };
    unsigned told = 0;
    order = (struct calls){ 0 };
    run(&job, &r, &told);
    result_release(&r);
    assert_string_equal(order.text, "smjt");
    job.probe = &half;
    order = (struct calls){ 0 };
    run(&job, &r, &told);
    assert_int_equal(r.status, STATUS_FAILED);
    result_release(&r);
    assert_string_equal(order.text, "st");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_repetition_is_a_block_of_its_own),
        cmocka_unit_test(more_repetitions_than_blocks_are_joined_and_none_is_dropped),
        cmocka_unit_test(the_steps_come_in_order_and_teardown_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
