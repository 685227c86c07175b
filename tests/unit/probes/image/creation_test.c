#include "probes/image/creation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"

static void less_cpu_time_and_no_more_time_wins(void **state)
{
    (void)state;

    static const struct {
        struct creation_lap laps[3];
        bool is_batched;
    } cases[] = {
        {{ { 0.7, 0.7 }, { 0.8, 0.8 }, { 3.0, 3.0 } },    true }, /* the median counts */
        { { { 0.9, 0.96 }, { 0.9, 0.97 }, { 0.9, 0.5 } }, false},
        { { { 1.1, 0.7 }, { 1.2, 0.7 }, { 0.5, 0.7 } },   false},
        { { { 0.7, 1.1 }, { 0.7, 1.2 }, { 0.7, 0.5 } },   false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct creation c = { .count = 3 };
        memcpy(c.laps, cases[i].laps, sizeof cases[i].laps);
        creation_judge(&c);
        assert_int_equal(c.is_batched, cases[i].is_batched);
    }
}

static void it_is_said_how_files_were_created(void **state)
{
    (void)state;
    const struct creation cases[] = {
        {.count = 5,          .median = { .wall_ratio = 0.71, .cpu_ratio = 0.62 }, .is_batched = true },
        { .count = 5, .median = { .wall_ratio = 1.31, .cpu_ratio = 2.62 } },
        { .count = 0,         .is_batched = false },
        { .refusal = { .kind = ERR_DENIED, .msg = "set up io_uring: not permitted" }                 },
    };
    static const char *const texts[][2] = {
        {"through io_uring",  "64 at a time, took 0.62 times the CPU time of calls and 0.71"},
        { "created by calls", "2.62 times"                                                  },
        { "created by calls", "no room"                                                     },
        { "created by calls", "io_uring: not permitted."                                    },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result r = { 0 };
        creation_note(&cases[i], &r);
        const char *note = r.notes[0];
        assert_non_null(strstr(note, texts[i][0]));
        assert_non_null(strstr(note, texts[i][1]));
        result_release(&r);
    }
}

/* No time is looked at. */
static void a_race_runs_each_so_often_or_says_why_there_is_none(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct creation race;
    const struct rules_limits limits = { 0 };
    if (creation_race(&race, c->dir, &limits, &c->e))
        fail_msg("%s", c->e.msg);
    if (race.refusal.kind != ERR_NONE) {
        assert_int_equal(race.count, 0);
        assert_false(race.is_batched);
        assert_int_equal(fake_names(c->path), 0);
    } else {
        assert_int_equal(race.count, CREATION_LAPS);
        assert_int_equal(race.written_bytes, CREATION_BYTES);
        assert_true(race.median.cpu_ratio > 0 && race.median.wall_ratio > 0);
        assert_int_equal(fake_names(c->path), 2 * CREATION_LAPS);
    }
    crate_close(c);
}

static void what_is_in_the_way_is_no_failure(void **state)
{
    (void)state;
    struct crate *c = crate_open();
    struct creation race;
    const struct rules_limits limits = { 0 };
    assert_int_equal(mkdirat(c->dir, "calls-0", 0700), 0);
    assert_int_equal(creation_race(&race, c->dir, &limits, &c->e), 0);
    assert_int_not_equal(race.refusal.kind, ERR_NONE);
    assert_false(race.is_batched);
    crate_close(c);
}

static void a_stop_ends_a_race(void **state)
{
    (void)state;
    static const volatile sig_atomic_t stopping = 1;
    struct crate *c = crate_open();
    struct creation race;
    const struct rules_limits limits = { .stopping = &stopping };
    int failed = creation_race(&race, c->dir, &limits, &c->e);
    if (race.refusal.kind == ERR_NONE) {
        assert_int_equal(failed, -1);
        assert_int_equal(c->e.kind, ERR_INTERRUPTED);
    }
    assert_false(race.is_batched);
    crate_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_cpu_time_and_no_more_time_wins),
        cmocka_unit_test(it_is_said_how_files_were_created),
        cmocka_unit_test(a_race_runs_each_so_often_or_says_why_there_is_none),
        cmocka_unit_test(what_is_in_the_way_is_no_failure),
        cmocka_unit_test(a_stop_ends_a_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
