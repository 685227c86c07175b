#include "reports/profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/reports/known.h"

#define HEAD "role: r\ntitle: T\nsystem: S\ncriteria:\n"
#define SAID "    title: T\n    why: w\n    source: s\n    basis: derived\n    advice: a\n"
#define WAL  "  - id: wal\n" SAID "    metric: disk.wal\n    statistic: p99\n"

static int parse(const char *text, struct profile *p, struct err *e)
{
    return profile_parse(text, strlen(text), "my.yaml", &known, p, e);
}

/* The text does not load, and the sentence says `what`. */
static void refused(const char *text, const char *what)
{
    struct profile p;
    struct err e = { 0 };
    assert_int_equal(parse(text, &p, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    if (!strstr(e.msg, what))
        fail_msg("'%s' does not say '%s'", e.msg, what);
    assert_null(strstr(e.msg, "\n"));
    assert_null(p.criteria);
}

static void a_whole_profile_loads(void **state)
{
    (void)state;
    struct profile p;
    struct err e = { 0 };
    assert_int_equal(parse(HEAD WAL "    at_most: {fit: 10 ms, unfit: 0.1 s}\n    rare: false\n"
                                    "  - id: mem\n" SAID "    fact: host.memory\n"
                                    "    at_least: {fit: 4 GiB, unfit: 1700 MB}\n"
                                    "  - id: kind\n" SAID "    fact: host.container\n"
                                    "    unfit_on: [openvz]\n    marginal_on: [lxc, \"no\"]\n"
                                    "  - id: options\n" SAID "    fact: host.kernel.options\n"
                                    "    requires: [A, \"B|C\"]\n    otherwise: marginal\n",
                           &p, &e),
                     0);
    assert_string_equal(p.role, "r");
    assert_int_equal(p.count, 4);
    assert_int_equal(p.criteria[0].kind, CRITERION_AT_MOST);
    assert_string_equal(p.criteria[0].statistic, "p99");
    assert_float_equal(p.criteria[0].fit, 10e6, 1e-3);
    assert_float_equal(p.criteria[0].unfit, 100e6, 1e-3);
    assert_false(p.criteria[0].rare);
    assert_string_equal(p.criteria[0].source, "s");
    assert_int_equal(p.criteria[1].unit, UNIT_BYTES);
    assert_float_equal(p.criteria[1].unfit, 1.7e9, 1);
    assert_string_equal(p.criteria[2].marginal_on[1], "no");
    assert_null(p.criteria[2].marginal_on[2]);
    assert_string_equal(p.criteria[3].requires[1], "B|C");
    assert_int_equal(p.criteria[3].otherwise, GRADE_MARGINAL);
    profile_release(&p);
    profile_release(&p);
}

static void a_missing_unfit_is_nan(void **state)
{
    (void)state;
    struct profile p;
    struct err e = { 0 };
    assert_int_equal(parse(HEAD WAL "    at_most: {fit: 10 ms}\n", &p, &e), 0);
    assert_true(isnan(p.criteria[0].unfit));
    profile_release(&p);
}

static void every_sentence_is_asked_for(void **state)
{
    (void)state;
    static const char *const lines[] = { "    title: T\n", "    why: w\n", "    source: s\n",
                                         "    basis: derived\n", "    advice: a\n" };
    for (unsigned skip = 0; skip < sizeof lines / sizeof lines[0]; skip++) {
        char text[400] = HEAD "  - id: x\n    fact: host.cpus\n    at_least: {fit: 2}\n";
        char what[64];
        for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            if (i != skip)
                strncat(text, lines[i], sizeof text - strlen(text) - 1);
        }
        const char *key = lines[skip] + 4;
        (void)snprintf(what, sizeof what, "my.yaml: criteria[0] (x): '%.*s' is missing",
                       (int)strcspn(key, ":"), key);
        refused(text, what);
    }
}

static void the_head_is_asked_for(void **state)
{
    (void)state;
    refused("title: T\nsystem: S\ncriteria:\n" WAL "    at_most: {fit: 1 ms}\n",
            "my.yaml: 'role' is missing");
    refused("role: r\nsystem: S\ncriteria:\n" WAL "    at_most: {fit: 1 ms}\n",
            "'title' is missing");
    refused("role: r\ntitle: T\nsystem: S\n", "'criteria' is missing");
    refused("role: R!\ntitle: T\nsystem: S\ncriteria:\n" WAL "    at_most: {fit: 1 ms}\n",
            "a role is made of");
    refused("", "the file is empty");
}

static void unknown_names_are_refused_with_the_nearest(void **state)
{
    (void)state;
    refused(HEAD "  - id: x\n" SAID "    metric: disk.wall\n    statistic: p99\n"
                 "    at_most: {fit: 1 ms}\n",
            "my.yaml: criteria[0] (x): unknown metric 'disk.wall'; did you mean 'disk.wal'?");
    refused(HEAD "  - id: x\n" SAID "    fact: host.memori\n    at_least: {fit: 1 GiB}\n",
            "unknown fact 'host.memori'; did you mean 'host.memory'?");
    refused(HEAD "  - id: x\n" SAID "    metric: disk.wal\n    statistic: p9\n"
                 "    at_most: {fit: 1 ms}\n",
            "disk.wal has no statistic 'p9', only p50, p90, p99, p99.9, max and mean; did you");
    refused(HEAD "  - id: x\n" SAID "    metric: disk.wal\n    at_most: {fit: 1 ms}\n",
            "disk.wal has no statistic 'value'");
    refused(HEAD "  - id: x\n" SAID "    metric: image.rate\n    statistic: p99\n"
                 "    at_least: {fit: 1 MB/s}\n",
            "image.rate has no statistic 'p99', only value");
    refused(HEAD "  - id: x\n" SAID "    sorce: s\n",
            "near line 10: unknown key 'sorce'; did you mean "
            "'source'?");
}

static void units_are_those_of_the_declaration(void **state)
{
    (void)state;
    refused(HEAD WAL "    at_most: {fit: 10 MB}\n", "'10 MB' has an unknown unit");
    refused(HEAD WAL "    at_most: {fit: 10}\n", "'10' has no unit");
    refused(HEAD WAL "    at_most: {fit: soon}\n", "'soon' is not a number");
}

static void a_bound_the_wrong_way_round_is_refused(void **state)
{
    (void)state;
    refused(HEAD WAL "    at_most: {fit: 100 ms, unfit: 10 ms}\n", "the wrong way round: at_most");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus\n    at_least: {fit: 1, unfit: 2}\n",
            "the wrong way round: at_least needs fit >= unfit");
    refused(HEAD WAL "    at_least: {fit: 10 ms}\n", "disk.wal is better when lower; use at_most");
    refused(HEAD "  - id: x\n" SAID "    metric: image.rate\n    at_most: {fit: 1 MB/s}\n",
            "image.rate is better when higher; use at_least");
}

static void bounds_are_one_and_whole(void **state)
{
    (void)state;
    refused(HEAD WAL, "no bound; give at_most");
    refused(HEAD WAL "    at_most: {unfit: 10 ms}\n", "no bound 'fit'");
    refused(HEAD WAL "    at_most: {fit: 1 ms}\n    at_least: {fit: 1 ms}\n", "more than one kind");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus\n    at_least: {fit: 0}\n",
            "everything is at least that");
    refused(HEAD "  - id: x\n" SAID "    fact: host.swap\n    at_most: {fit: 0, unfit: 1 GiB}\n",
            "takes no 'unfit'");
}

static void metric_and_fact_exclude_each_other(void **state)
{
    (void)state;
    refused(HEAD WAL "    fact: host.cpus\n    at_most: {fit: 1 ms}\n",
            "both metric and fact; name one");
    refused(HEAD "  - id: x\n" SAID "    at_most: {fit: 1 ms}\n", "names no metric or fact");
}

static void the_kind_of_a_fact_must_fit(void **state)
{
    (void)state;
    refused(HEAD "  - id: x\n" SAID "    fact: host.container\n    at_most: {fit: 1}\n",
            "host.container is no number");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus\n    unfit_on: [a]\n",
            "host.cpus is a number");
    refused(HEAD "  - id: x\n" SAID "    fact: host.container\n    requires: [a]\n"
                 "    otherwise: unfit\n",
            "host.container is no list");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus\n    statistic: max\n"
                 "    at_least: {fit: 2}\n",
            "a fact has no statistic");
    refused(HEAD WAL "    unfit_on: [a]\n", "a metric has no words");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus|host.memory\n    at_least: {fit: 2}\n",
            "alternative facts go with");
    refused(HEAD "  - id: x\n" SAID "    fact: host.try.nft|host.try.x\n    unfit_on: [a]\n",
            "unknown fact 'host.try.x'");
}

static void odd_words_are_refused(void **state)
{
    (void)state;
    refused(HEAD WAL "    at_most: {fit: 1 ms}\n    rare: maybe\n", "rare is true or false");
    refused(HEAD "  - id: x\n" SAID "    fact: host.cpus\n    at_least: {fit: 2}\n    rare: true\n",
            "rare asks for a metric with at_most");
    refused(HEAD "  - id: x\n" SAID "    fact: host.kernel.options\n    requires: [A]\n",
            "requires needs otherwise");
    refused(HEAD "  - id: x\n" SAID "    fact: host.kernel.options\n    requires: [A]\n"
                 "    otherwise: fit\n",
            "requires needs otherwise");
    refused(HEAD WAL "    at_most: {fit: 1 ms}\n    otherwise: unfit\n", "otherwise belongs to");
    refused(HEAD "  - id: x\n    title: T\n    why: w\n    source: s\n    basis: guessed\n"
                 "    advice: a\n    fact: host.cpus\n    at_least: {fit: 2}\n",
            "basis 'guessed' is not one of");
    refused(HEAD "  - id: X Y\n" SAID "    fact: host.cpus\n    at_least: {fit: 2}\n",
            "an id is made of");
}

static void duplicate_ids_are_refused(void **state)
{
    (void)state;
    refused(HEAD WAL "    at_most: {fit: 1 ms}\n" WAL "    at_most: {fit: 2 ms}\n",
            "criteria[1] (wal): criteria[0] has the same id");
}

static void malformed_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("role: r\ntitle: 'T\n", "my.yaml: near line ");
    refused("role: r\nrole: s\n", "line 1: Mapping field already seen: role");
    refused(HEAD "  - id: [a]\n", "line 5: Expecting STRING");
    refused("- a\n", "Expecting MAPPING");
}

static void aliases_are_refused(void **state)
{
    (void)state;
    refused("role: &a r\ntitle: *a\n", "aliases (*name) are not allowed");
    refused("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "my.yaml");
}

static void over_one_mebibyte_is_refused(void **state)
{
    (void)state;
    struct profile p;
    struct err e = { 0 };
    const size_t size = (1U << 20) + 1;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '#', size);
    text[size] = '\0';
    assert_int_equal(profile_parse(text, size, "my.yaml", &known, &p, &e), -1);
    assert_non_null(strstr(e.msg, "1 MiB at most"));
    free(text);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct profile p;
    struct err e = { 0 };
    assert_int_equal(profile_load("no/such.yaml", &known, &p, &e), -1);
    assert_non_null(strstr(e.msg, "no/such.yaml"));
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_profile_loads),
        cmocka_unit_test(a_missing_unfit_is_nan),
        cmocka_unit_test(every_sentence_is_asked_for),
        cmocka_unit_test(the_head_is_asked_for),
        cmocka_unit_test(unknown_names_are_refused_with_the_nearest),
        cmocka_unit_test(units_are_those_of_the_declaration),
        cmocka_unit_test(a_bound_the_wrong_way_round_is_refused),
        cmocka_unit_test(bounds_are_one_and_whole),
        cmocka_unit_test(metric_and_fact_exclude_each_other),
        cmocka_unit_test(the_kind_of_a_fact_must_fit),
        cmocka_unit_test(odd_words_are_refused),
        cmocka_unit_test(duplicate_ids_are_refused),
        cmocka_unit_test(malformed_yaml_is_refused_with_its_line),
        cmocka_unit_test(aliases_are_refused),
        cmocka_unit_test(over_one_mebibyte_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
