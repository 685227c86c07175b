#include "probes/kit/measurement.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct metric metrics[] = {
    {.id = "disk.wal.rate", .unit = UNIT_PER_S, .kind = METRIC_MEAN},
    METRIC_END,
};

static json_t *made(void (*edit)(struct result *r), enum figure_form form)
{
    struct err e;
    AUTO(result) struct result r = { 0 };
    assert_int_equal(result_open(&r, "disk.wal", "Title", metrics, &e), 0);
    assert_int_equal(result_summarise(&r, &e), 0);
    if (edit) {
        edit(&r);
    }
    json_t *json = measurement_to_json(&r, form, &e);
    assert_non_null(json);
    return json;
}

static int read_again(json_t *json, enum figure_form form, struct result *r, struct err *e)
{
    struct node at = node_root(json);
    int status = measurement_of_json(&at, form, r, e);
    json_decref(json);
    return status;
}

static void skip_without_a_word(struct result *r)
{
    result_set_status(r, STATUS_SKIPPED, "%s", "");
}

static void a_skipped_probe_always_has_a_reason(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    json_t *json = made(skip_without_a_word, FIGURE_DOCUMENT);
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &r, &e), 0);
    assert_int_equal(r.status, STATUS_SKIPPED);
    assert_string_equal(r.reason, "no reason was given");
}

static void witness_nothing_but_one(struct result *r)
{
    r->witnessed.throttled_ratio = 0.5;
}

static void what_was_not_witnessed_stays_unknown(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    json_t *json = made(witness_nothing_but_one, FIGURE_DOCUMENT);
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &r, &e), 0);
    assert_true(r.witnessed.throttled_ratio == 0.5);
    assert_true(isnan(r.witnessed.steal_ratio) && isnan(r.witnessed.clock_step_ns));
    assert_true(isnan(r.witnessed.others_cpu_ratio));
    assert_string_equal(r.witnessed.largest_other, "");
}

static void state_a_fact(struct result *r)
{
    assert_int_equal(facts_set_text(&r->facts, "host.os", "Debian", NULL), 0);
}

static void facts_travel_in_fragments_only(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result document = { 0 };
    AUTO(result) struct result fragment = { 0 };
    json_t *json = made(state_a_fact, FIGURE_DOCUMENT);
    assert_null(json_object_get(json, "facts"));
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &document, &e), 0);
    assert_int_equal(document.facts.count, 0);
    json = made(state_a_fact, FIGURE_FRAGMENT);
    assert_int_equal(read_again(json, FIGURE_FRAGMENT, &fragment, &e), 0);
    assert_int_equal(fragment.facts.count, 1);
}

static void parameters_outlive_the_json_they_came_from(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    json_t *json = made(NULL, FIGURE_DOCUMENT);
    assert_int_equal(json_object_set_new(json, "parameters", json_pack("{s:i}", "record", 8000)),
                     0);
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &r, &e), 0);
    assert_int_equal(json_integer_value(json_object_get(r.parameters, "record")), 8000);
}

static void refuses(const char *key, json_t *value, const char *sentence)
{
    struct err e = { 0 };
    struct result r;
    json_t *json = made(NULL, FIGURE_FRAGMENT);
    assert_int_equal(json_object_set_new(json, key, value), 0);
    assert_int_equal(read_again(json, FIGURE_FRAGMENT, &r, &e), -1);
    assert_string_equal(e.msg, sentence);
    assert_null(r.metrics);
    assert_null(r.parameters);
}

static json_t *many(unsigned count, const char *text)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_string(text));
    }
    return array;
}

static void what_no_measurement_says_is_refused(void **state)
{
    (void)state;
    char long_text[LIMITS_TEXT_BYTES + 1];
    memset(long_text, 'x', LIMITS_TEXT_BYTES);
    long_text[LIMITS_TEXT_BYTES] = '\0';
    refuses("probe", json_string(""), "probe: expected a name, found \"\"");
    refuses("title", json_string(long_text), "title: 480 bytes long, and at most 479 fit");
    refuses("status", json_string("skipped"), "reason: expected a string, found null");
    refuses("parameters", json_integer(1), "parameters: expected an object, found 1");
    refuses("rounds", json_real(1.5), "rounds: expected a whole number from 0, found 1.5");
    refuses("metrics", many(LIMITS_METRICS + 1, ""),
            "metrics: 33 elements, and at most 32 are read");
    refuses("metrics", many(1, ""), "metrics[0]: expected an object, found \"\"");
    refuses("events", many(LIMITS_EVENTS + 1, ""),
            "events: 513 elements, and at most 512 are read");
    refuses("events", many(1, "x"), "events[0]: expected an object, found \"x\"");
    refuses("events",
            json_pack("[{s:i,s:i,s:s,s:I}]", "at_ns", 1, "duration_ns", 2, "what", "x", "cpu",
                      (json_int_t)INT32_MAX + 1),
            "events[0].cpu: expected the number of a CPU, found 2147483648");
    refuses("events",
            json_pack("[{s:i,s:i,s:s,s:s}]", "at_ns", 1, "duration_ns", 2, "what", "x", "cause",
                      "one with a name that is too long"),
            "events[0].cause: 32 bytes long, and at most 23 fit");
    refuses("events_dropped", json_integer(-1),
            "events_dropped: expected a whole number from 0, found -1");
    refuses("notes", many(LIMITS_NOTES + 1, "x"), "notes: 33 elements, and at most 32 are read");
    refuses("notes", json_pack("[s,i]", "x", 2), "notes[1]: expected a string, found 2");
    refuses("witnessed", json_null(), "witnessed: expected an object, found null");
    refuses("witnessed", json_pack("{s:s}", "steal_ratio", "much"),
            "witnessed.steal_ratio: expected a number or null, found \"much\"");
    refuses("facts", json_integer(0), "facts: expected an object, found 0");
}

static void state_events(struct result *r)
{
    struct result_event stall = {
        .at_ns = 5, .duration_ns = 7, .what = "stall", .cause = "hypervisor", .cpu = 0
    };
    result_event(r, 1, 2, "fdatasync");
    result_event_full(r, &stall);
    r->events_dropped = 9;
}

static void events_keep_their_cpu_and_cause(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    json_t *json = made(state_events, FIGURE_DOCUMENT);
    json_t *first = json_array_get(json_object_get(json, "events"), 0);
    assert_null(json_object_get(first, "cpu"));
    assert_null(json_object_get(first, "cause"));
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &r, &e), 0);
    assert_int_equal(r.event_count, 2);
    assert_int_equal(r.events[0].cpu, -1);
    assert_string_equal(r.events[0].cause, "");
    assert_int_equal(r.events[1].cpu, 0);
    assert_string_equal(r.events[1].cause, "hypervisor");
    assert_int_equal(r.events_dropped, 9);
}

static void counts_too_large_are_cut(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    json_t *json = made(NULL, FIGURE_DOCUMENT);
    assert_int_equal(json_object_set_new(json, "rounds", json_integer(INT64_MAX)), 0);
    assert_int_equal(read_again(json, FIGURE_DOCUMENT, &r, &e), 0);
    assert_int_equal(r.rounds, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_skipped_probe_always_has_a_reason),
        cmocka_unit_test(what_was_not_witnessed_stays_unknown),
        cmocka_unit_test(facts_travel_in_fragments_only),
        cmocka_unit_test(parameters_outlive_the_json_they_came_from),
        cmocka_unit_test(what_no_measurement_says_is_refused),
        cmocka_unit_test(events_keep_their_cpu_and_cause),
        cmocka_unit_test(counts_too_large_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
