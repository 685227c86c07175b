#include "reports/page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/stats.h"

static const uint64_t SECOND = 1000000000;

static const struct criterion stall = {
    .kind = CRITERION_AT_MOST, .unit = UNIT_NS, .fit = 200e6, .unfit = 900e6, .rare = true
};

static struct finding stalled(double value, enum grade g)
{
    return (struct finding){ .criterion = &stall,
                             .grade = g,
                             .value = value,
                             .observed_ns = 58 * SECOND,
                             .bound_text = "<= 200 ms",
                             .rate_bound_per_hour = stats_rule_of_three_per_hour(58 * SECOND) };
}

static void judged_as(const struct finding *f, const char *expected)
{
    AUTO(buf) struct buf out = { 0 };
    page_judged(f, &out);
    assert_string_equal(buf_text(&out), expected);
}

static void a_rare_event_that_was_not_seen_is_bounded_not_denied(void **state)
{
    (void)state;
    struct finding fit = stalled(7.9e6, GRADE_FIT);
    struct finding marginal = stalled(300e6, GRADE_MARGINAL);
    struct finding unfit = stalled(1e9, GRADE_UNFIT);
    AUTO(buf) struct buf out = { 0 };
    judged_as(&fit, "7.90 ms; none above 200 ms in 58 s (< 186/h)");
    judged_as(&marginal, "300 ms (fit <= 200 ms)");
    judged_as(&unfit, "1 s (unfit > 900 ms)");
    page_evidence(&marginal, &out);
    assert_string_equal(buf_text(&out), "none above 900 ms in 58 s (< 186/h)");
    buf_clear(&out);
    page_evidence(&unfit, &out);
    assert_int_equal(out.size, 0);
}

static void close_is_said(void **state)
{
    (void)state;
    struct finding f = stalled(300e6, GRADE_MARGINAL);
    f.close = true;
    judged_as(&f, "300 ms (fit <= 200 ms), close");
}

static void a_word_is_said_as_it_is(void **state)
{
    (void)state;
    const struct criterion c = { .kind = CRITERION_WORDS, .fit = NAN, .unfit = NAN };
    const struct finding f = { .criterion = &c,
                               .grade = GRADE_UNFIT,
                               .value = NAN,
                               .value_text = "openvz",
                               .bound_text = "not openvz",
                               .rate_bound_per_hour = NAN };
    AUTO(buf) struct buf out = { 0 };
    judged_as(&f, "openvz");
    page_bound(&f, &out);
    assert_string_equal(buf_text(&out), "not openvz");
}

static void scores_and_headroom_are_cut_not_rounded(void **state)
{
    (void)state;
    char text[PAGE_SHORT_BYTES];
    assert_string_equal(page_score(49.6, text), "49");
    assert_string_equal(page_score(100, text), "100");
    assert_string_equal(page_score(NAN, text), "-");
    assert_string_equal(page_headroom(0.996, text), "0.99x");
    assert_string_equal(page_headroom(0.004, text), "0.00x");
    assert_string_equal(page_headroom(3.46, text), "3.4x");
    assert_string_equal(page_headroom(45.9, text), "45x");
    assert_string_equal(page_headroom(INFINITY, text), "over 999x");
    assert_string_equal(page_headroom(NAN, text), "-");
}

static void intervals_say_which_end_is_known(void **state)
{
    (void)state;

    static const struct {
        double low, high;
        const char *expected;
    } rows[] = {
        {1e6,  2e6, "1 ms to 2 ms" },
        { 1e6, NAN, "at least 1 ms"},
        { NAN, 2e6, "at most 2 ms" },
        { NAN, NAN, "-"            }
    };

    for (unsigned i = 0; i < 4; i++) {
        AUTO(buf) struct buf out = { 0 };
        page_interval(rows[i].low, rows[i].high, UNIT_NS, &out);
        assert_string_equal(buf_text(&out), rows[i].expected);
    }
}

static void a_conclusion_stands_with_its_measurement_and_of_its_place(void **state)
{
    (void)state;
    AUTO(document) struct document d = { .place_count = 2, .places[1].name = "images" };
    AUTO(buf) struct buf out = { 0 };
    struct result here = { .probe = "disk.class", .status = STATUS_MEASURED };
    struct result there = { .probe = "disk.class", .status = STATUS_MEASURED, .place = "images" };
    assert_int_equal(facts_set_text(&d.host, "disk.class", "nvme", "reads take 80 us"), 0);
    page_figures(&d, &here, &out);
    assert_string_equal(buf_text(&out), "nvme: reads take 80 us");
    assert_true(page_concludes(&d, &here));
    assert_false(page_concludes(&d, &there));
    assert_int_equal(facts_set_text(&d.host, "images.disk.class", "hdd", NULL), 0);
    buf_clear(&out);
    page_figures(&d, &there, &out);
    assert_string_equal(buf_text(&out), "hdd");
}

static void a_reason_is_not_announced_twice(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    page_why("skipped", "not measured: no --peer", &out);
    assert_string_equal(buf_text(&out), "not measured: no --peer");
    buf_clear(&out);
    page_why("failed", "did not answer for 30 s", &out);
    assert_string_equal(buf_text(&out), "failed: did not answer for 30 s");
}

static void a_document_without_facts_has_a_host_all_the_same(void **state)
{
    (void)state;
    const struct document d = { .started = "2026-01-01T00:00:00Z" };
    AUTO(buf) struct buf out = { 0 };
    page_host(&d, &out);
    assert_string_equal(buf_text(&out), "a host of which nothing is known");
    assert_string_equal(page_hostname(&d), "this host");
}

static void reasons_are_listed_once(void **state)
{
    (void)state;
    struct criterion c[3] = { { .metric = NULL }, { .metric = NULL }, { .metric = NULL } };
    struct finding f[3] = {
        {.criterion = &c[0],
         .grade = GRADE_UNKNOWN,
         .probe = "net.rtt",
         .value_text = "failed",
         .reason = "no answer"},
        { .criterion = &c[1],
         .grade = GRADE_UNKNOWN,
         .probe = "net.rtt",
         .value_text = "failed",
         .reason = "no answer"},
        { .criterion = &c[2],
         .grade = GRADE_UNKNOWN,
         .probe = "net",
         .value_text = "failed",
         .reason = "no answer"},
    };
    const struct profile p = { .count = 3 };
    const struct verdict v = { .profile = &p, .findings = f };
    const struct report r = { .verdicts = &v, .verdict_count = 1 };
    struct page_gap gaps[PAGE_GAPS];
    assert_int_equal(page_gaps(&r, gaps), 1);
    assert_string_equal(gaps[0].what, "net.rtt, net");
    assert_string_equal(gaps[0].reason, "no answer");
}

static void a_peer_is_named_with_its_value_and_the_others_after_it(void **state)
{
    (void)state;
    struct finding f = stalled(300e6, GRADE_MARGINAL);
    AUTO(buf) struct buf out = { 0 };
    (void)snprintf(f.peer, sizeof f.peer, "node-b");
    (void)snprintf(f.others, sizeof f.others, "node-c 20 ms");
    judged_as(&f, "300 ms to node-b (fit <= 200 ms)");
    page_found(&f, &out);
    assert_string_equal(buf_text(&out), "300 ms to node-b; none above 900 ms in 58 s (< 186/h); "
                                        "others: node-c 20 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rare_event_that_was_not_seen_is_bounded_not_denied),
        cmocka_unit_test(close_is_said),
        cmocka_unit_test(a_word_is_said_as_it_is),
        cmocka_unit_test(scores_and_headroom_are_cut_not_rounded),
        cmocka_unit_test(intervals_say_which_end_is_known),
        cmocka_unit_test(a_conclusion_stands_with_its_measurement_and_of_its_place),
        cmocka_unit_test(a_reason_is_not_announced_twice),
        cmocka_unit_test(a_document_without_facts_has_a_host_all_the_same),
        cmocka_unit_test(reasons_are_listed_once),
        cmocka_unit_test(a_peer_is_named_with_its_value_and_the_others_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
