#include "reports/coincidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/reports/made.h"

/* A sync of 40 ms at 12.3 s in disk.wal, and what is said of it. */
static const struct result_event sync_event = {
    .at_ns = 12300 * MADE_MS, .duration_ns = 40 * MADE_MS, .what = "fdatasync 40.0 ms", .cpu = -1
};

static void says(const struct document *d, const struct result *owner,
                 const struct result_event *event, const char *sentence)
{
    struct coincidence c;
    AUTO(buf) struct buf words = { 0 };
    coincidence_find(d, owner, event, &c);
    coincidence_tell(&c, &words);
    assert_string_equal(buf_text(&words), sentence);
}

static void says_of_sync(const struct document *d, const char *sentence)
{
    says(d, &d->measurements[0], &sync_event, sentence);
}

static void an_event_inside_an_episode_names_it(void **state)
{
    (void)state;

    static const struct {
        const char *cause;
        int32_t cpu;
        const char *sentence;
    } rows[] = {
        {"hypervisor",          1,  "inside a 38-ms theft on CPU 1 (hypervisor)"                      },
        { "unreported",         0,  "inside a 38-ms unreported theft on CPU 0 (hypervisor)"           },
        { "others",             3,  "inside a 38-ms wait on CPU 3 behind this guest's other processes"},
        { "own",                3,  "inside a 38-ms wait on CPU 3 behind this program's own load"     },
        { "quota",              0,  "inside a 38-ms throttling on CPU 0 (own cgroup quota)"           },
        { "interrupts",         1,  "inside a 38-ms stall on CPU 1 by interrupts"                     },
        { "halted",             1,  "inside a 38-ms stop or freeze on CPU 1"                          },
        { "unknown",            1,  "inside a 38-ms stall on CPU 1 of unknown cause"                  },
        { "",                   -1, "inside a 38-ms stall of unknown cause"                           },
        { "of-a-later-version", 1,  "inside a 38-ms stall on CPU 1 of unknown cause"                  },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(document) struct document d = { 0 };
        made_probe(&d, "disk.wal", "");
        made_witness(&d);
        made_event(&d.witness, 12301 * MADE_MS, 38 * MADE_MS, "stall", rows[i].cause, rows[i].cpu);
        says_of_sync(&d, rows[i].sentence);
    }
}

static void the_share_of_overlap_decides_the_words(void **state)
{
    (void)state;

    static const struct {
        uint64_t at_ms, length_ms;
        const char *sentence;
    } rows[] = {
        {12000,  1000, "inside a 1-s theft on CPU 1 (hypervisor)"                },
        { 12304, 36,   "inside a 36-ms theft on CPU 1 (hypervisor)"              },
        { 12305, 35,   "35 of its 40 ms in a 35-ms theft on CPU 1 (hypervisor)"  },
        { 12320, 800,  "20 of its 40 ms in an 800-ms theft on CPU 1 (hypervisor)"},
        { 12321, 11,
         "11 of its 40 ms in an 11-ms theft on CPU 1 (hypervisor), the rest "
          "unexplained"                                                          },
        { 12290, 18,
         "8 of its 40 ms in an 18-ms theft on CPU 1 (hypervisor), the rest "
          "unexplained"                                                          },
        { 12290, 10,   "nothing was seen stolen, stalled or throttled meanwhile" },
        { 12340, 99,   "nothing was seen stolen, stalled or throttled meanwhile" },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO(document) struct document d = { 0 };
        made_probe(&d, "disk.wal", "");
        made_witness(&d);
        made_event(&d.witness, rows[i].at_ms * MADE_MS, rows[i].length_ms * MADE_MS, "stall",
                   "hypervisor", 1);
        says_of_sync(&d, rows[i].sentence);
    }
}

static void many_short_thefts_add_up_on_one_cpu(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    made_probe(&d, "disk.wal", "");
    made_witness(&d);
    for (unsigned i = 0; i < 5; i++) {
        made_event(&d.witness, (12300 + 8 * i) * MADE_MS, 4 * MADE_MS, "stall", "unreported", 1);
        made_event(&d.witness, (12301 + 8 * i) * MADE_MS, 3 * MADE_MS, "stall", "unreported", 0);
    }
    made_event(&d.witness, 12300 * MADE_MS, 6 * MADE_MS, "stall", "others", 1);
    says_of_sync(&d, "20 of its 40 ms in 5 unreported thefts on CPU 1 (hypervisor)");
}

static void a_known_cause_goes_before_an_unknown_one_of_the_same_length(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    made_probe(&d, "disk.wal", "");
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_event(stall, 12300 * MADE_MS, 40 * MADE_MS, "stall", "unknown", 0);
    made_witness(&d);
    made_event(&d.witness, 12302 * MADE_MS, 36 * MADE_MS, "stall", "quota", 0);
    says_of_sync(&d, "inside a 36-ms throttling on CPU 0 (own cgroup quota)");
    made_event(&d.witness, 12300 * MADE_MS, 4 * MADE_MS, "stall", "hypervisor", 1);
    says_of_sync(&d, "inside a 36-ms throttling on CPU 0 (own cgroup quota)");
}

static void where_nobody_watched_nothing_is_claimed(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    made_probe(&d, "disk.wal", "");
    says_of_sync(&d, "nobody watched");
    made_witness(&d);
    d.witness.metrics[0].n = 0;
    says_of_sync(&d, "nobody watched");
    d.witness.metrics[0].n = 1;
    d.witness.duration_ns = 12339 * MADE_MS;
    says_of_sync(&d, "nobody watched");
    d.witness.duration_ns = 12340 * MADE_MS;
    says_of_sync(&d, "nothing was seen stolen, stalled or throttled meanwhile");
}

static void time_stolen_in_small_pieces_is_not_nothing(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *wal = made_probe(&d, "disk.wal", "");
    made_witness(&d);
    wal->witnessed.throttled_ratio = 0.25;
    says_of_sync(&d, "no single theft or stall was seen then, but 25 % of the time was throttled "
                     "during the probe");
    wal->witnessed.steal_ratio = 0.131;
    says_of_sync(&d,
                 "no single theft or stall was seen then, but 13.1 % of the CPU time was stolen "
                 "during the probe");
}

static void a_stall_says_its_own_cause_or_borrows_one(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *stall = made_probe(&d, "noise.stall", "");
    made_witness(&d);
    made_event(stall, 1 * MADE_S, 50 * MADE_MS, "stall", "hypervisor", 1);
    made_event(stall, 2 * MADE_S, 50 * MADE_MS, "stall", "unknown", 1);
    made_event(stall, 3 * MADE_S, 50 * MADE_MS, "stall", "", 1);
    made_event(stall, 4 * MADE_S, 50 * MADE_MS, "stall", "unknown", 1);
    made_event(&d.witness, 1 * MADE_S, 50 * MADE_MS, "stall", "quota", 1);
    made_event(&d.witness, 2 * MADE_S, 49 * MADE_MS, "stall", "quota", 1);
    made_event(&d.witness, 4 * MADE_S, 50 * MADE_MS, "stall", "unknown", 1);
    says(&d, stall, &stall->events[0], "a theft (hypervisor)");
    says(&d, stall, &stall->events[1], "inside a 49-ms throttling on CPU 1 (own cgroup quota)");
    says(&d, stall, &stall->events[2], "its cause was not looked for");
    says(&d, stall, &stall->events[3], "cause unknown");
}

static void events_of_other_probes_explain_nothing(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    made_probe(&d, "disk.wal", "");
    struct result *net = made_probe(&d, "net.rtt", "");
    made_event(net, 12300 * MADE_MS, 40 * MADE_MS, "no answer", "hypervisor", 0);
    says_of_sync(&d, "nobody watched");
}

static void times_at_the_end_of_all_time_do_not_wrap(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    struct result *wal = made_probe(&d, "disk.wal", "");
    made_witness(&d);
    made_event(wal, UINT64_MAX - 5, 100, "late", "", -1);
    made_event(&d.witness, 3, 50, "stall", "hypervisor", 1);
    says(&d, wal, &wal->events[0], "nobody watched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_inside_an_episode_names_it),
        cmocka_unit_test(the_share_of_overlap_decides_the_words),
        cmocka_unit_test(many_short_thefts_add_up_on_one_cpu),
        cmocka_unit_test(a_known_cause_goes_before_an_unknown_one_of_the_same_length),
        cmocka_unit_test(where_nobody_watched_nothing_is_claimed),
        cmocka_unit_test(time_stolen_in_small_pieces_is_not_nothing),
        cmocka_unit_test(a_stall_says_its_own_cause_or_borrows_one),
        cmocka_unit_test(events_of_other_probes_explain_nothing),
        cmocka_unit_test(times_at_the_end_of_all_time_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
