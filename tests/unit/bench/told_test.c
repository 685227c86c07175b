/* What a concluding probe and a plain one found, told from a document of two places. */
#include "bench/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct fact_row class_facts[] = {
    {.name = "disk.class", .kind = FACT_TEXT, .what = "The class."},
    FACT_END,
};
static const struct probe class_probe = { .name = "disk.class",
                                          .title = "Class",
                                          .facts = class_facts };

static void add(struct document *d, const char *place, const char *note)
{
    struct result r = { 0 };
    struct err e;
    assert_int_equal(result_open(&r, "disk.class", "Class", NULL, &e), 0);
    (void)snprintf(r.place, sizeof r.place, "%s", place);
    result_note(&r, "%s", note);
    assert_int_equal(document_take(d, &r, &e), 0);
}

static void each_place_has_its_own_class_and_reasons(void **state)
{
    (void)state;
    AUTO(document) struct document d = { .place_count = 2, .started = "2026-11-24T01:52:27Z" };
    AUTO(buf) struct buf out = { 0 };
    (void)snprintf(d.places[0].name, sizeof d.places[0].name, "etcd");
    (void)snprintf(d.places[1].name, sizeof d.places[1].name, "images");
    add(&d, "etcd", "Reads are flat at 3000 a second.");
    add(&d, "images", "Reads take 8 ms.");
    assert_int_equal(facts_set_text(&d.host, "disk.class", "rate-limited", "a flat plateau"), 0);
    assert_int_equal(facts_set_text(&d.host, "images.disk.class", "hdd", NULL), 0);
    told_by(&class_probe, &d, "r.json", &out);
    const char *text = buf_text(&out);
    const char *first = strstr(text, "rate-limited: a flat plateau");
    const char *second = strstr(text, "hdd");
    assert_non_null(strstr(text, "2026-11-24T01:52:27Z (r.json)"));
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < strstr(text, "flat at 3000") && strstr(text, "flat at 3000") < second);
    assert_true(second < strstr(text, "Reads take 8 ms."));
}

static void a_document_without_it_says_how_to_get_it(void **state)
{
    (void)state;
    AUTO(document) struct document d = { 0 };
    AUTO(buf) struct buf out = { 0 };
    told_by(&class_probe, &d, "r.json", &out);
    assert_non_null(strstr(buf_text(&out), "'plimsoll measure disk.class' measures it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_has_its_own_class_and_reasons),
        cmocka_unit_test(a_document_without_it_says_how_to_get_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
