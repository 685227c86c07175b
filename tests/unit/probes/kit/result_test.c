#include "probes/kit/result.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct metric metrics[] = {
    {.id = "disk.wal",     .unit = UNIT_NS, .kind = METRIC_HIST,      .show = "p50 p99 max" },
    { .id = "disk.wal.rate",                   .unit = UNIT_PER_S,             .better = METRIC_HIGHER, .kind = METRIC_MEAN },
    { .id = "disk.wal.gap", .unit = UNIT_NS,               .kind = METRIC_MAX                  },
    { .id = "disk.wal.bytes",  .unit = UNIT_BYTES,  .kind = METRIC_SUM},
    METRIC_END,
};

static void open_wal(struct result *r)
{
    struct err e;
    assert_int_equal(result_open(r, "disk.wal", "Durable append latency", metrics, &e), 0);
}

/* A block of one second at second `at`, whose histogram holds `count` times `value`. */
static void add_hist(struct result_metric *m, uint64_t at, uint64_t value, uint64_t count)
{
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    assert_int_equal(hist_open(&h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, &e), 0);
    if (count > 0) {
        hist_record_n(&h, value, count);
    }
    struct result_block b = { .at_ns = at * 1000000000, .observed_ns = 1000000000, .hist = h };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

static void add_value(struct result_metric *m, uint64_t at, double value)
{
    struct err e;
    struct result_block b = { .at_ns = at * 1000000000, .observed_ns = 1000000000, .value = value };
    assert_int_equal(result_add_block(m, &b, &e), 0);
}

static void summarise(struct result *r)
{
    struct err e;
    assert_int_equal(result_summarise(r, &e), 0);
}

static void a_new_result_is_measured_once_and_has_seen_nothing(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    assert_int_equal(r.metric_count, 4);
    assert_string_equal(r.metrics[3].id, "disk.wal.bytes");
    assert_string_equal(r.metrics[3].show, "");
    assert_int_equal(r.status, STATUS_MEASURED);
    assert_int_equal(r.rounds, 1);
    assert_true(isnan(r.witnessed.steal_ratio) && isnan(r.witnessed.stall_max_ns));
    assert_ptr_equal(result_metric_find(&r, "disk.wal.gap"), &r.metrics[2]);
    assert_null(result_metric_find(&r, "disk.wal.ga"));
}

static void a_probe_without_metrics_opens(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result r = { 0 };
    assert_int_equal(result_open(&r, "host", "Host", NULL, &e), 0);
    assert_int_equal(r.metric_count, 0);
    summarise(&r);
}

static void a_name_too_long_is_refused(void **state)
{
    (void)state;
    struct err e;
    char name[LIMITS_NAME_BYTES + 1];
    AUTO(result) struct result r = { 0 };
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(result_open(&r, name, "Host", NULL, &e), -1);
    name[sizeof(name) - 2] = '\0';
    assert_int_equal(result_open(&r, name, "Host", NULL, &e), 0);
}

static void release_is_idempotent(void **state)
{
    (void)state;
    struct result r = { 0 };
    open_wal(&r);
    add_hist(&r.metrics[0], 0, 5, 5);
    result_release(&r);
    result_release(&r);
    assert_null(r.metrics);
}

static void status_names_are_found_again(void **state)
{
    (void)state;
    for (int s = STATUS_MEASURED; s <= STATUS_UNTRUSTED; s++) {
        assert_int_equal(status_of_name(status_name((enum status)s)), s);
    }
    assert_int_equal(status_of_name("fine"), -1);
}

static void a_block_is_copied_and_described(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    add_hist(&r.metrics[0], 3, 1000, 7);
    const struct result_block *b = &r.metrics[0].blocks[0];
    assert_int_equal(b->n, 7);
    assert_int_equal(b->hist.total, 7);
    assert_true(b->p50 == 1000 && b->p99 == 1000 && b->max == 1000);
    assert_true(isnan(b->value));
    assert_int_equal(b->at_ns, 3000000000);
    add_value(&r.metrics[1], 3, 5500);
    assert_int_equal(r.metrics[1].blocks[0].n, 1);
    assert_true(isnan(r.metrics[1].blocks[0].p50));
}

static void an_empty_block_counts_time_but_no_samples(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    add_hist(&r.metrics[0], 0, 0, 0);
    add_value(&r.metrics[1], 0, NAN);
    summarise(&r);
    assert_int_equal(r.metrics[0].n, 0);
    assert_int_equal(r.metrics[1].n, 0);
    assert_int_equal(r.metrics[0].observed_ns, 1000000000);
    assert_true(isnan(result_statistic_find(&r.metrics[0], "p50")->value));
    assert_true(isnan(result_statistic_find(&r.metrics[1], "value")->value));
    assert_null(r.metrics[0].total.counts);
}

static void more_blocks_than_fit_are_joined_to_equal_lengths(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    const unsigned given = 2 * LIMITS_BLOCKS + 3;
    double sum = 0;
    for (unsigned i = 0; i < given; i++) {
        add_hist(&r.metrics[0], i, 100 + i, 1);
        add_value(&r.metrics[1], i, i);
        add_value(&r.metrics[2], i, i);
        add_value(&r.metrics[3], i, i);
        sum += i;
    }
    for (unsigned k = 0; k < 4; k++) {
        const struct result_metric *m = &r.metrics[k];
        assert_in_range(m->block_count, LIMITS_BLOCKS / 2, LIMITS_BLOCKS);
        for (unsigned i = 0; i + 1 < m->block_count; i++) {
            assert_int_equal(m->blocks[i].joined, 4);
            assert_int_equal(m->blocks[i].at_ns, (uint64_t)i * 4000000000);
            assert_int_equal(m->blocks[i].observed_ns, 4000000000);
        }
        assert_int_equal(m->blocks[m->block_count - 1].joined, 3);
    }
    summarise(&r);
    assert_int_equal(r.metrics[0].n, given);
    assert_int_equal(r.metrics[0].observed_ns, given * UINT64_C(1000000000));
    assert_int_equal(r.metrics[0].total.min, 100);
    assert_int_equal(r.metrics[0].total.max, 100 + given - 1);
    assert_true(r.metrics[1].blocks[1].value == 5.5); /* of 4, 5, 6 and 7 */
    assert_true(r.metrics[2].statistics[0].value == given - 1);
    assert_true(r.metrics[3].statistics[0].value == sum);
}

/* Joined repetitions are one of both lengths, whatever their rates. */
static void events_of_joined_blocks_are_added_up(void **state)
{
    (void)state;
    static const struct metric rare[] = {
        {.id = "stalls", .unit = UNIT_PER_HOUR, .kind = METRIC_EVENTS},
        METRIC_END
    };
    AUTO(result) struct result r = { 0 };
    struct err e;
    assert_int_equal(result_open(&r, "noise.stall", "Title", rare, &e), 0);
    struct result_metric *m = &r.metrics[0];
    m->block_most = 2;
    const uint64_t events[] = { 3, 0, 0, 1 };
    for (unsigned i = 0; i < 4; i++) {
        const struct result_block b = { .observed_ns = UINT64_C(3600000000000), .n = events[i] };
        assert_int_equal(result_add_block(m, &b, &e), 0);
    }
    assert_int_equal(m->block_count, 2);
    assert_int_equal(m->blocks[0].n, 3);
    assert_true(m->blocks[0].value == 1.5);
    assert_true(m->blocks[1].value == 0.5);
    summarise(&r);
    assert_int_equal(m->n, 4);
    assert_true(m->statistics[0].value == 1);
}

static void a_later_round_is_joined(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    open_wal(&b);
    add_hist(&a.metrics[0], 1, 100, 10);
    add_hist(&b.metrics[0], 9, 300, 30);
    add_value(&b.metrics[1], 9, 5000);
    a.duration_ns = 1000;
    b.duration_ns = 3000;
    a.started_ns = 7;
    b.started_ns = 9;
    a.written_bytes = 5;
    b.written_bytes = 6;
    a.witnessed.steal_ratio = 0.1;
    b.witnessed.steal_ratio = 0.3;
    b.witnessed.stall_max_ns = 77;
    b.witnessed.largest_other_cpu_ratio = 0.5;
    memcpy(b.witnessed.largest_other, "dockerd", sizeof "dockerd");
    b.parameters = json_pack("{s:i}", "record", 2300);
    result_event(&a, 50, 0, "late");
    result_event(&b, 20, 5, "early");
    result_note(&a, "Both say so.");
    result_note(&b, "Both say so.");
    result_note(&b, "Only the second.");
    assert_int_equal(facts_set_text(&b.facts, "host.os", "Debian", NULL), 0);

    assert_int_equal(result_absorb(&a, &b, &e), 0);
    summarise(&a);
    assert_int_equal(a.metrics[0].n, 40);
    assert_int_equal(a.metrics[0].block_count, 2);
    assert_int_equal(a.metrics[0].total.max, 300);
    assert_true(a.metrics[1].statistics[0].value == 5000);
    assert_int_equal(a.duration_ns, 4000);
    assert_int_equal(a.started_ns, 7);
    assert_int_equal(a.written_bytes, 11);
    assert_int_equal(a.rounds, 2);
    assert_true(fabs(a.witnessed.steal_ratio - 0.25) < 1e-12);
    assert_true(a.witnessed.stall_max_ns == 77);
    assert_true(a.witnessed.largest_other_cpu_ratio == 0.5);
    assert_string_equal(a.witnessed.largest_other, "dockerd");
    assert_true(isnan(a.witnessed.others_cpu_ratio));
    assert_int_equal(a.event_count, 2);
    assert_string_equal(a.events[0].what, "early");
    assert_int_equal(a.note_count, 2);
    assert_non_null(a.parameters);
    assert_non_null(facts_find(&a.facts, "host.os"));
    assert_int_equal(a.status, STATUS_MEASURED);
}

static void the_worse_status_stays(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    result_set_status(&r, STATUS_UNTRUSTED, "steal was %d %%", 30);
    assert_string_equal(r.reason, "steal was 30 %");
    result_set_status(&r, STATUS_FAILED, "the disk is full");
    result_set_status(&r, STATUS_UNTRUSTED, "later");
    result_set_status(&r, STATUS_FAILED, "again");
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.reason, "the disk is full");
}

static void an_untrusted_round_makes_the_whole_untrusted(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    open_wal(&b);
    result_set_status(&b, STATUS_UNTRUSTED, "steal was 30 %%");
    assert_int_equal(result_absorb(&a, &b, &e), 0);
    assert_int_equal(a.status, STATUS_UNTRUSTED);
    assert_string_equal(a.reason, "steal was 30 %");
}

static void a_failed_round_takes_nothing_from_the_first(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    open_wal(&b);
    result_set_status(&b, STATUS_FAILED, "the disk is full");
    assert_int_equal(result_absorb(&a, &b, &e), 0);
    assert_int_equal(a.status, STATUS_MEASURED);
    assert_string_equal(a.notes[0], "A later round failed: the disk is full");
    assert_int_equal(result_absorb(&b, &a, &e), 0);
    assert_int_equal(b.status, STATUS_FAILED);
}

static void another_probe_is_not_absorbed(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    assert_int_equal(result_open(&b, "disk.read", "Reads", metrics, &e), 0);
    assert_int_equal(result_absorb(&a, &b, &e), -1);
}

static void a_metric_that_only_the_later_round_has_is_kept(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    assert_int_equal(result_open(&a, "disk.wal", "Durable append latency", NULL, &e), 0);
    open_wal(&b);
    add_value(&b.metrics[1], 0, 12);
    assert_int_equal(result_absorb(&a, &b, &e), 0);
    summarise(&a);
    assert_int_equal(a.metric_count, 4);
    assert_true(result_metric_find(&a, "disk.wal.rate")->statistics[0].value == 12);
}

static void events_notes_and_reasons_stay_within_their_room(void **state)
{
    (void)state;
    struct err e;
    char words[2 * LIMITS_TEXT_BYTES];
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    open_wal(&b);
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    for (unsigned i = 0; i < 2 * LIMITS_EVENTS; i++) {
        result_event(&a, 1000 + i, 0, "%s", words);
        result_event(&b, i, 0, "%u", i);
        result_note(&a, "%u %s", i, words);
    }
    result_set_status(&a, STATUS_SKIPPED, "%s", words);
    assert_int_equal(a.event_count, LIMITS_EVENTS);
    assert_int_equal(a.note_count, LIMITS_NOTES);
    assert_int_equal(strlen(a.reason), LIMITS_TEXT_BYTES - 1);
    assert_int_equal(result_absorb(&a, &b, &e), 0);
    assert_int_equal(a.event_count, LIMITS_EVENTS);
    assert_int_equal(a.events[0].at_ns, 1000); /* of equal ones the first stay */
    assert_int_equal(a.events_dropped, 3 * LIMITS_EVENTS);
}

static void the_shortest_event_goes_when_there_is_no_room(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    for (unsigned i = 0; i < LIMITS_EVENTS; i++) {
        result_event(&r, i, 1000 + (i + LIMITS_EVENTS / 2) % LIMITS_EVENTS, "%u", i);
    }
    result_event(&r, 7000, 1000, "no longer than the shortest");
    assert_int_equal(r.events_dropped, 1);
    assert_string_equal(r.events[LIMITS_EVENTS - 1].what, "511");
    result_event(&r, 8000, 1001, "longer");
    assert_int_equal(r.events_dropped, 2);
    assert_int_equal(r.event_count, LIMITS_EVENTS);
    assert_string_equal(r.events[LIMITS_EVENTS - 1].what, "longer");
    for (unsigned i = 0; i < r.event_count; i++) {
        assert_true(r.events[i].duration_ns > 1000);
    }
}

static void rounds_keep_the_longest_events_of_both(void **state)
{
    (void)state;
    struct err e;
    AUTO(result) struct result a = { 0 };
    AUTO(result) struct result b = { 0 };
    open_wal(&a);
    open_wal(&b);
    for (unsigned i = 0; i < LIMITS_EVENTS; i++) {
        result_event(&a, 10 * i, 10, "first round");
        result_event(&b, 10 * i + 5, i < 2 ? 20 : 5, "second round");
    }
    assert_int_equal(result_absorb(&a, &b, &e), 0);
    assert_int_equal(a.event_count, LIMITS_EVENTS);
    assert_int_equal(a.events_dropped, LIMITS_EVENTS);
    assert_int_equal(a.events[1].at_ns, 5);
    assert_int_equal(a.events[1].duration_ns, 20);
    assert_int_equal(a.events[3].at_ns, 15);
    assert_int_equal(a.events[LIMITS_EVENTS - 1].at_ns, 10 * (LIMITS_EVENTS - 3));
}

static void an_event_may_name_its_cpu_and_cause(void **state)
{
    (void)state;
    AUTO(result) struct result r = { 0 };
    open_wal(&r);
    struct result_event felt = {
        .at_ns = 5, .duration_ns = 7, .what = "stall", .cause = "quota", .cpu = 3
    };
    result_event_full(&r, &felt);
    result_event(&r, 1, 2, "fdatasync");
    assert_int_equal(r.events[0].cpu, 3);
    assert_string_equal(r.events[0].cause, "quota");
    assert_int_equal(r.events[1].cpu, -1);
    assert_string_equal(r.events[1].cause, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_result_is_measured_once_and_has_seen_nothing),
        cmocka_unit_test(a_probe_without_metrics_opens),
        cmocka_unit_test(a_name_too_long_is_refused),
        cmocka_unit_test(release_is_idempotent),
        cmocka_unit_test(status_names_are_found_again),
        cmocka_unit_test(a_block_is_copied_and_described),
        cmocka_unit_test(an_empty_block_counts_time_but_no_samples),
        cmocka_unit_test(more_blocks_than_fit_are_joined_to_equal_lengths),
        cmocka_unit_test(events_of_joined_blocks_are_added_up),
        cmocka_unit_test(a_later_round_is_joined),
        cmocka_unit_test(the_worse_status_stays),
        cmocka_unit_test(an_untrusted_round_makes_the_whole_untrusted),
        cmocka_unit_test(a_failed_round_takes_nothing_from_the_first),
        cmocka_unit_test(another_probe_is_not_absorbed),
        cmocka_unit_test(a_metric_that_only_the_later_round_has_is_kept),
        cmocka_unit_test(events_notes_and_reasons_stay_within_their_room),
        cmocka_unit_test(the_shortest_event_goes_when_there_is_no_room),
        cmocka_unit_test(rounds_keep_the_longest_events_of_both),
        cmocka_unit_test(an_event_may_name_its_cpu_and_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
