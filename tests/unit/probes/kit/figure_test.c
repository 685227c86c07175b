#include "probes/kit/figure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct metric metrics[] = {
    {.id = "disk.wal",       .unit = UNIT_NS,    .kind = METRIC_HIST,     .show = "p50 p99 max"},
    { .id = "disk.wal.rate", .unit = UNIT_PER_S, .better = METRIC_HIGHER, .kind = METRIC_MEAN  },
    METRIC_END,
};

/* Two blocks of each metric; the second of the histogram is empty. */
static void make(struct result *r)
{
    struct err e;
    AUTO(hist) struct hist h = { 0 };
    assert_int_equal(result_open(r, "disk.wal", "Title", metrics, &e), 0);
    assert_int_equal(hist_open(&h, UINT64_C(1) << 30, &e), 0);
    hist_record_n(&h, 100000, 9);
    hist_record(&h, 5000001);
    hist_record(&h, UINT64_C(1) << 33);
    struct result_block b = { .at_ns = 5, .observed_ns = 7, .hist = h, .value = 2.5 };
    assert_int_equal(result_add_block(&r->metrics[0], &b, &e), 0);
    assert_int_equal(result_add_block(&r->metrics[1], &b, &e), 0);
    hist_clear(&h);
    b.hist = h;
    b.value = NAN;
    assert_int_equal(result_add_block(&r->metrics[0], &b, &e), 0);
    assert_int_equal(result_add_block(&r->metrics[1], &b, &e), 0);
    r->metrics[0].blocks[0].joined = 4;
    assert_int_equal(result_summarise(r, &e), 0);
}

/* The metric as JSON, read again; -1 when it is refused. */
static int again(json_t *json, enum figure_form form, struct result *into, struct err *e)
{
    struct node at = node_root(json);
    *into = (struct result){ .metrics = calloc(1, sizeof(*into->metrics)), .metric_count = 1 };
    assert_non_null(into->metrics);
    return figure_of_json(&at, form, into->metrics, e);
}

static void a_document_keeps_the_whole_histogram_alone(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(result) struct result back = { 0 };
    make(&r);
    json_t *json = figure_to_json(&r.metrics[0], FIGURE_DOCUMENT, &e);
    assert_int_equal(again(json, FIGURE_DOCUMENT, &back, &e), 0);
    json_decref(json);
    const struct result_metric *m = &back.metrics[0];
    assert_int_equal(m->total.total, 11);
    assert_int_equal(m->total.max, UINT64_C(1) << 33);
    assert_int_equal(m->total.clamped, 1);
    assert_true(fabs(hist_mean(&m->total) / hist_mean(&r.metrics[0].total) - 1) < 1e-12);
    assert_int_equal(m->block_count, 2);
    assert_null(m->blocks[0].hist.counts);
    assert_int_equal(m->blocks[0].n, 11);
    assert_true(m->blocks[0].p50 == r.metrics[0].blocks[0].p50);
    assert_true(isnan(m->blocks[1].p50));
}

/* How many, in which time, and the rate that follows: in fragments and in documents. */
static void events_come_back(void **state)
{
    (void)state;
    static const struct metric rare[] = {
        {.id = "noise.stall.over.1ms", .unit = UNIT_PER_HOUR, .kind = METRIC_EVENTS},
        METRIC_END
    };

    static const enum figure_form forms[] = { FIGURE_FRAGMENT, FIGURE_DOCUMENT };

    for (unsigned i = 0; i < 2; i++) {
        struct err e = { 0 };
        AUTO(result) struct result r = { 0 };
        AUTO(result) struct result back = { 0 };
        assert_int_equal(result_open(&r, "noise.stall", "Title", rare, &e), 0);
        struct result_block b = { .observed_ns = UINT64_C(1800000000000), .n = 4 };
        assert_int_equal(result_add_block(&r.metrics[0], &b, &e), 0);
        b.n = 0;
        assert_int_equal(result_add_block(&r.metrics[0], &b, &e), 0);
        assert_int_equal(result_summarise(&r, &e), 0);
        json_t *json = figure_to_json(&r.metrics[0], forms[i], &e);
        assert_int_equal(again(json, forms[i], &back, &e), 0);
        json_decref(json);
        const struct result_metric *m = &back.metrics[0];
        assert_int_equal(m->kind, METRIC_EVENTS);
        assert_int_equal(m->n, 4);
        assert_int_equal(m->blocks[0].n, 4);
        assert_int_equal(m->blocks[1].n, 0);
        assert_true(m->blocks[0].value == 8 && m->statistics[0].value == 4);
        assert_true(m->statistics[0].low > 1 && m->statistics[0].high < 11);
    }
}

static void a_fragment_keeps_what_the_encoding_does_not(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(result) struct result back = { 0 };
    make(&r);
    json_t *json = figure_to_json(&r.metrics[0], FIGURE_FRAGMENT, &e);
    assert_int_equal(again(json, FIGURE_FRAGMENT, &back, &e), 0);
    json_decref(json);
    const struct result_block *b = &back.metrics[0].blocks[0];
    assert_int_equal(b->hist.min, 100000);
    assert_int_equal(b->hist.max, UINT64_C(1) << 33);
    assert_int_equal(b->hist.clamped, 1);
    assert_int_equal(b->joined, 4);
    assert_int_equal(back.metrics[0].total.total, 11);
    assert_int_equal(back.metrics[0].total.min, 100000);
}

static void a_value_not_measured_stays_so(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(result) struct result back = { 0 };
    make(&r);
    json_t *json = figure_to_json(&r.metrics[1], FIGURE_DOCUMENT, &e);
    assert_int_equal(again(json, FIGURE_DOCUMENT, &back, &e), 0);
    json_decref(json);
    assert_true(back.metrics[0].blocks[0].value == 2.5);
    assert_true(isnan(back.metrics[0].blocks[1].value));
    assert_true(isnan(back.metrics[0].statistics[0].low));
    assert_int_equal(back.metrics[0].n, 1);
}

/* Replaces one member at a path of keys and indices and expects the sentence. */
static void refuses(enum figure_form form, unsigned metric, const char *key, json_t *value,
                    const char *sentence)
{
    struct err e = { 0 };
    AUTO(result) struct result r = { 0 };
    AUTO(result) struct result back = { 0 };
    make(&r);
    json_t *json = figure_to_json(&r.metrics[metric], form, &e);
    json_t *at = json;
    if (strncmp(key, "blocks.", 7) == 0) {
        at = json_array_get(json_object_get(json, "blocks"), 0);
        key += 7;
    } else if (strncmp(key, "statistics.", 11) == 0) {
        at = json_array_get(json_object_get(json, "statistics"), 5);
        key += 11;
    }
    assert_int_equal(json_object_set_new(at, key, value), 0);
    int status = again(json, form, &back, &e);
    json_decref(json);
    assert_string_equal(e.msg, sentence);
    assert_int_equal(status, -1);
    assert_int_equal(e.kind, ERR_DATA);
}

static json_t *many(unsigned count)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_object());
    }
    return array;
}

static void what_no_metric_says_is_refused(void **state)
{
    (void)state;
    refuses(FIGURE_DOCUMENT, 0, "kind", json_string("median"),
            "kind: expected a known name, found \"median\"");
    refuses(FIGURE_DOCUMENT, 0, "better", json_integer(1), "better: expected a string, found 1");
    refuses(FIGURE_DOCUMENT, 0, "statistics", many(7),
            "statistics: 7 statistics, and at most 6 are read");
    refuses(FIGURE_DOCUMENT, 0, "statistics.name", json_string("p99.9999"),
            "statistics[5].name: 8 bytes long, and at most 7 fit");
    refuses(FIGURE_DOCUMENT, 0, "blocks", many(LIMITS_BLOCKS + 1),
            "blocks: 257 blocks, and at most 256 are read");
    refuses(FIGURE_DOCUMENT, 1, "blocks", json_pack("[i]", 3),
            "blocks[0]: expected an object, found 3");
    refuses(FIGURE_DOCUMENT, 1, "blocks.value", json_string("2.5"),
            "blocks[0].value: expected a number or null, found \"2.5\"");
}

static void histograms_are_held_against_what_is_said_beside_them(void **state)
{
    (void)state;
    const char *const lie = ".histogram: its largest value is not the max beside it";
    refuses(FIGURE_DOCUMENT, 0, "n", json_integer(12), ".histogram: holds 11 values, and n is 12");
    refuses(FIGURE_DOCUMENT, 0, "statistics.value", json_integer(5000001), lie);
    refuses(FIGURE_DOCUMENT, 0, "statistics.value", json_null(), lie);
    refuses(FIGURE_DOCUMENT, 0, "statistics.value", json_integer(-1), lie);
    refuses(FIGURE_DOCUMENT, 0, "statistics.name", json_string("top"), lie);
    refuses(FIGURE_DOCUMENT, 0, "histogram", json_string("no histogram"),
            ": histogram: its text is not base64, or cut short");
    refuses(FIGURE_FRAGMENT, 0, "blocks.n", json_integer(10),
            "blocks[0].histogram: holds 11 values, and n is 10");
    refuses(FIGURE_FRAGMENT, 0, "blocks.min", json_null(),
            "blocks[0].min: expected a whole number from 0, found null");
    refuses(FIGURE_FRAGMENT, 0, "blocks.min", json_integer(200000),
            "blocks[0].histogram: its smallest value is below the min beside it");
    refuses(FIGURE_FRAGMENT, 0, "blocks.joined", json_integer(-4),
            "blocks[0].joined: expected a whole number from 0, found -4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_keeps_the_whole_histogram_alone),
        cmocka_unit_test(events_come_back),
        cmocka_unit_test(a_fragment_keeps_what_the_encoding_does_not),
        cmocka_unit_test(a_value_not_measured_stays_so),
        cmocka_unit_test(what_no_metric_says_is_refused),
        cmocka_unit_test(histograms_are_held_against_what_is_said_beside_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
