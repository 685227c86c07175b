#include "probes/disk/race.h"

#include <errno.h>
#include <math.h>
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

/* Two engines for the same disk; the slow one takes five times as long. */
static int quick_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    fake.service_ns = 10 * (uint64_t)CLK_NS_PER_US;
    return fake_submit(en, ios, count);
}

static int slow_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    fake.service_ns = 50 * (uint64_t)CLK_NS_PER_US;
    return fake_submit(en, ios, count);
}

static struct engine_row row_of(const char *name, bool queues,
                                int (*submit)(struct engine *, const struct engine_io *, unsigned))
{
    struct engine_row row = fake_row;
    row.name = row.title = name;
    row.queues = queues;
    row.submit = submit;
    return row;
}

struct run {
    struct buffers buffers;
    struct pattern pattern;
    struct tick tick;
    struct race_plan plan;
    struct race race;
    struct engine engine;
    struct buf why;
    volatile sig_atomic_t stopping;
    struct err e;
};

static struct run *run_open(void)
{
    struct run *r = calloc(1, sizeof *r);
    fake = (struct fake){ .now_ns = 1000 };
    r->tick = fake_tick;
    assert_int_equal(buffers_open(&r->buffers, DEPTH, BLOCK, 1, &r->e), 0);
    pattern_init(&r->pattern, PATTERN_RANDOM, UINT64_C(1000) * BLOCK, BLOCK, 1);
    r->plan = (struct race_plan){
        .conf = {.fd = -1, .depth = DEPTH, .buffers = r->buffers.items, .buffer_bytes = BLOCK},
        .pattern = &r->pattern,
        .lap_ns = 2 * (uint64_t)CLK_NS_PER_MS,
        .tick = &r->tick,
        .proc_fd = -1,
        .stopping = &r->stopping,
        .what = "the file 'x'"
    };
    return r;
}

static int run_race(struct run *r, const struct engine_row *const *rows)
{
    return race_engines_among(rows, &r->engine, &r->plan, &r->race, &r->why, &r->e);
}

static void run_close(struct run *r)
{
    engine_close(&r->engine);
    buffers_release(&r->buffers);
    buf_release(&r->why);
    free(r);
}

static void a_slow_disk_ends_the_race_after_a_lap(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row slow = row_of("slow", true, slow_submit);
    struct engine_row quick = row_of("quick", true, quick_submit);
    const struct engine_row *rows[] = { &slow, &quick, NULL };
    r->plan.limit_ns = 1; /* over when the first lap of all is */
    uint64_t began_ns = fake.now_ns;
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "quick");
    assert_true(fake.now_ns - began_ns < 2 * 4 * r->plan.lap_ns); /* each of two, at two depths */
    run_close(r);
}

static void a_clearly_faster_engine_is_taken_and_left_open(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row slow = row_of("slow", true, slow_submit);
    struct engine_row quick = row_of("quick", true, quick_submit);
    const struct engine_row *rows[] = { &slow, &engine_null, &quick, NULL };
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "quick");
    assert_non_null(r->engine.state);
    assert_int_equal(r->race.count, 2); /* what measures no disk takes no part */
    assert_string_equal(r->race.lanes[r->race.winner].row->name, "quick");
    assert_true(r->race.lanes[0].io_ns[0] > 50000 && r->race.lanes[0].io_ns[0] < 52000);
    assert_true(r->race.lanes[1].io_ns[1] > 10000 && r->race.lanes[1].io_ns[1] < 12000);
    assert_non_null(
        strstr(buf_text(&r->why), "quick, because slow is slower here: an I/O takes 50."));
    assert_non_null(strstr(buf_text(&r->why), " at depth 1, "));
    assert_int_equal(fake.closed, 1);
    assert_int_equal(fake.faults, 0);
    run_close(r);
    assert_int_equal(fake.closed, 2);
}

static void the_preferred_engine_stays_when_none_is_clearly_faster(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row first = row_of("first", true, quick_submit);
    struct engine_row second = row_of("second", true, quick_submit);
    const struct engine_row *rows[] = { &first, &second, NULL };
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "first");
    assert_non_null(strstr(buf_text(&r->why),
                           "first, for second is not clearly faster here: an I/O takes 10."));
    run_close(r);
}

static void an_engine_without_a_queue_is_timed_but_not_taken(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row slow = row_of("slow", true, slow_submit);
    struct engine_row plain = row_of("plain", false, quick_submit);
    const struct engine_row *rows[] = { &plain, &slow, NULL };
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "slow");
    assert_true(r->race.lanes[0].io_ns[0] < 12000);
    assert_true(isnan(r->race.lanes[0].io_ns[1]));
    run_close(r);
}

static int never(struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, 0, "it is switched off");
}

static void without_a_queue_the_plain_engine_is_taken_and_the_others_refusals_told(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row queue = row_of("queue", true, quick_submit);
    struct engine_row plain = row_of("plain", false, quick_submit);
    const struct engine_row *rows[] = { &queue, &plain, NULL };
    queue.supported = never;
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "plain");
    assert_string_equal(buf_text(&r->why), "plain, because it is switched off");
    engine_close(&r->engine);
    plain.supported = never;
    assert_int_equal(run_race(r, rows), -1);
    assert_non_null(strstr(r->e.msg, "no I/O engine works: it is switched off"));
    run_close(r);
}

static void an_engine_that_fails_in_its_laps_is_out(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row first = row_of("first", true, quick_submit);
    struct engine_row second = row_of("second", true, quick_submit);
    const struct engine_row *rows[] = { &first, &second, NULL };
    fake.fail_at = 10; /* the first's, whose lap is the first */
    fake.fail_with = -EOPNOTSUPP;
    assert_int_equal(run_race(r, rows), 0);
    assert_string_equal(r->engine.row->name, "second");
    assert_false(r->race.lanes[0].ran);
    assert_non_null(strstr(buf_text(&r->why), "second, because read 4096 bytes at offset "));
    run_close(r);
}

static int mute_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                     uint64_t timeout_ns)
{
    fake.silent = fake.reaped >= 50;
    if (fake.silent)
        fake.now_ns += timeout_ns;
    return fake_reap(en, done, least, most, timeout_ns);
}

static void a_disk_that_falls_silent_is_left_behind(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row mute = row_of("mute", true, quick_submit);
    const struct engine_row *rows[] = { &mute, NULL };
    mute.reap = mute_reap;
    assert_int_equal(run_race(r, rows), -1);
    assert_int_equal(r->e.kind, ERR_TIMEOUT);
    assert_true(r->engine.abandoned);
    assert_int_equal(fake.closed, 0);
    run_close(r);
}

static void a_stop_ends_the_race(void **state)
{
    (void)state;
    struct run *r = run_open();
    struct engine_row first = row_of("first", true, quick_submit);
    const struct engine_row *rows[] = { &first, NULL };
    r->stopping = 1;
    assert_int_equal(run_race(r, rows), -1);
    assert_int_equal(r->e.kind, ERR_INTERRUPTED);
    assert_int_equal(fake.closed, 1);
    run_close(r);
}

static void kernel_workers_are_given_as_the_reason(void **state)
{
    (void)state;
    struct buf why = { 0 };
    struct race race = {
        .lanes = {{ .row = &engine_uring, .ran = true, .workers = true, .io_ns = { 6700, 5397 } },
                  { .row = &engine_aio, .ran = true, .io_ns = { 2400, 2804 } },
                  { .row = &engine_sync, .ran = true, .io_ns = { 2300, NAN } }},
        .count = 3,
        .deep = 32
    };
    race.winner = race_pick(&race);
    assert_int_equal(race.winner, 1);
    race_tell(&race, "", &why);
    assert_string_equal(
        buf_text(&why),
        "libaio, because io_uring hands requests to kernel workers here: an I/O "
        "takes 6.70 us against 2.40 us at depth 1, 5.40 us against 2.80 us at depth 32");
    buf_release(&why);
}

static void the_margin_is_over_both_depths(void **state)
{
    (void)state;

    static const struct {
        double first[2], second[2];
        unsigned winner;
    } cases[] = {
        {{ 100, 10 },  { 86, 8.6 }, 0},
        { { 100, 10 }, { 84, 8.4 }, 1},
        { { 100, 10 }, { 50, 20 },  0},
        { { 100, 10 }, { 50, 14 },  1},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double *a = cases[i].first;
        const double *b = cases[i].second;
        struct race race = {
            .lanes = {{ .row = &engine_uring, .ran = true, .io_ns = { a[0], a[1] } },
                      { .row = &engine_aio, .ran = true, .io_ns = { b[0], b[1] } }},
            .count = 2
        };
        assert_int_equal(race_pick(&race), cases[i].winner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_disk_ends_the_race_after_a_lap),
        cmocka_unit_test(a_clearly_faster_engine_is_taken_and_left_open),
        cmocka_unit_test(the_preferred_engine_stays_when_none_is_clearly_faster),
        cmocka_unit_test(an_engine_without_a_queue_is_timed_but_not_taken),
        cmocka_unit_test(without_a_queue_the_plain_engine_is_taken_and_the_others_refusals_told),
        cmocka_unit_test(an_engine_that_fails_in_its_laps_is_out),
        cmocka_unit_test(a_disk_that_falls_silent_is_left_behind),
        cmocka_unit_test(a_stop_ends_the_race),
        cmocka_unit_test(kernel_workers_are_given_as_the_reason),
        cmocka_unit_test(the_margin_is_over_both_depths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
