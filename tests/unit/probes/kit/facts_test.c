#include "probes/kit/facts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

static void shows(const struct facts *f, const char *name, const char *expected)
{
    AUTO(buf) struct buf text = { 0 };
    const struct fact *fact = facts_find(f, name);
    assert_non_null(fact);
    facts_show(fact, &text);
    assert_string_equal(buf_text(&text), expected);
}

static void facts_are_found_and_shown(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_text(&f, "host.kernel.release", "6.18.44", "uname"), 0);
    assert_int_equal(facts_set_number(&f, "host.memory", 4294967296.0, UNIT_BYTES, NULL), 0);
    assert_int_equal(facts_set_number(&f, "host.kernel.version", 6018, UNIT_VERSION, NULL), 0);
    assert_int_equal(facts_set_list(&f, "host.cgroup.controllers", " cpu\tmemory \n pids ", NULL),
                     0);
    assert_int_equal(facts_set_list(&f, "host.ports.listening", NULL, NULL), 0);
    assert_int_equal(facts_set_unknown(&f, "host.swap", "open '/proc/swaps': Permission denied"),
                     0);
    assert_int_equal(facts_set_unknown(&f, "host.uptime", NULL), 0);
    shows(&f, "host.kernel.release", "6.18.44");
    shows(&f, "host.memory", "4 GiB");
    shows(&f, "host.kernel.version", "6.18");
    shows(&f, "host.cgroup.controllers", "cpu memory pids");
    shows(&f, "host.ports.listening", "none");
    shows(&f, "host.swap", "not known: open '/proc/swaps': Permission denied");
    shows(&f, "host.uptime", "not known: no reason was given");
    assert_string_equal(facts_find(&f, "host.kernel.release")->reason, "uname");
    assert_null(facts_find(&f, "host.kernel"));
}

static void a_fact_of_the_same_name_is_replaced(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_text(&f, "host.os", "Debian", "os-release"), 0);
    assert_int_equal(facts_set_number(&f, "host.cpus", 2, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_set_unknown(&f, "host.os", "gone"), 0);
    assert_int_equal(f.count, 2);
    assert_int_equal(facts_find(&f, "host.os")->kind, FACT_UNKNOWN);
    assert_null(facts_find(&f, "host.os")->text);
}

static void a_fact_may_be_replaced_by_its_own_text(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_text(&f, "host.os", "Debian", NULL), 0);
    const struct fact *had = facts_find(&f, "host.os");
    assert_int_equal(facts_set_text(&f, had->name, had->text, had->text), 0);
    assert_string_equal(facts_find(&f, "host.os")->text, "Debian");
    assert_string_equal(facts_find(&f, "host.os")->reason, "Debian");
}

static void a_number_that_is_none_is_unknown(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_number(&f, "host.cpus", NAN, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_find(&f, "host.cpus")->kind, FACT_UNKNOWN);
    assert_int_equal(facts_set_number(&f, "host.cpus", INFINITY, UNIT_COUNT, "divided by 0"), 0);
    assert_string_equal(facts_find(&f, "host.cpus")->reason, "divided by 0");
}

static void facts_and_words_have_limits(void **state)
{
    (void)state;
    char name[32];
    AUTO(buf) struct buf words = { 0 };
    AUTO(facts) struct facts f = { 0 };
    for (unsigned i = 0; i < LIMITS_LIST; i++) {
        buf_addf(&words, " w%u", i);
    }
    assert_int_equal(facts_set_list(&f, "host.list", buf_text(&words), NULL), 0);
    buf_adds(&words, " more");
    assert_int_equal(facts_set_list(&f, "host.list", buf_text(&words), NULL), -1);
    assert_int_equal(facts_holds(facts_find(&f, "host.list"), "w511"), 1);
    for (unsigned i = 1; i < LIMITS_FACTS; i++) {
        (void)snprintf(name, sizeof(name), "fact.%u", i);
        assert_int_equal(facts_set_text(&f, name, "x", NULL), 0);
    }
    assert_int_equal(facts_set_text(&f, "one.more", "x", NULL), -1);
    assert_int_equal(facts_set_text(&f, "fact.1", "replaced", NULL), 0);
    assert_int_equal(f.count, LIMITS_FACTS);
}

static void a_list_holds_whole_words_only(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_list(&f, "l", "NET_NS IP_NF_FILTER MEMCG", NULL), 0);
    const struct fact *l = facts_find(&f, "l");
    assert_int_equal(facts_holds(l, "NET_NS"), 1);
    assert_int_equal(facts_holds(l, "MEMCG"), 1);
    assert_int_equal(facts_holds(l, "NET"), 0);
    assert_int_equal(facts_holds(l, "MEMCG_SWAP"), 0);
    assert_int_equal(facts_holds(l, "NF_TABLES|IP_NF_FILTER"), 1);
    assert_int_equal(facts_holds(l, "IP_NF_FILTER|NF_TABLES"), 1);
    assert_int_equal(facts_holds(l, "NF_TABLES|NFT"), 0);
    assert_int_equal(facts_holds(l, ""), 0);
    assert_int_equal(facts_holds(l, "|"), 0);
    assert_int_equal(facts_holds(l, "||MEMCG"), 1);
    assert_int_equal(facts_holds(l, "NET_NS IP_NF_FILTER"), 0);
}

static void a_text_is_compared_whole(void **state)
{
    (void)state;
    AUTO(facts) struct facts f = { 0 };
    assert_int_equal(facts_set_text(&f, "v", "kvm", NULL), 0);
    assert_int_equal(facts_set_text(&f, "empty", "", NULL), 0);
    assert_int_equal(facts_set_unknown(&f, "u", "kvm"), 0);
    assert_int_equal(facts_set_number(&f, "n", 1, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_holds(facts_find(&f, "v"), "kvm"), 1);
    assert_int_equal(facts_holds(facts_find(&f, "v"), "openvz|kvm"), 1);
    assert_int_equal(facts_holds(facts_find(&f, "v"), "kv"), 0);
    assert_int_equal(facts_holds(facts_find(&f, "v"), "kvmx"), 0);
    assert_int_equal(facts_holds(facts_find(&f, "empty"), ""), 0);
    assert_int_equal(facts_holds(facts_find(&f, "empty"), "|kvm"), 0);
    assert_int_equal(facts_holds(facts_find(&f, "u"), "kvm"), 0);
    assert_int_equal(facts_holds(facts_find(&f, "n"), "1"), 0);
    assert_int_equal(facts_holds(NULL, "kvm"), 0);
}

static void facts_of_another_are_taken_over(void **state)
{
    (void)state;
    AUTO(facts) struct facts a = { 0 };
    AUTO(facts) struct facts b = { 0 };
    assert_int_equal(facts_set_text(&a, "host.os", "old", NULL), 0);
    assert_int_equal(facts_set_text(&b, "host.os", "new", "why"), 0);
    assert_int_equal(facts_set_number(&b, "host.cpus", 2, UNIT_COUNT, NULL), 0);
    assert_int_equal(facts_absorb(&a, &b), 0);
    assert_int_equal(a.count, 2);
    assert_string_equal(facts_find(&a, "host.os")->text, "new");
    assert_int_equal(b.count, 2);
}

static void release_is_idempotent(void **state)
{
    (void)state;
    struct facts f = { 0 };
    assert_int_equal(facts_set_text(&f, "a", "b", "c"), 0);
    facts_release(&f);
    facts_release(&f);
    assert_int_equal(f.count, 0);
}

static void json_and_back_changes_nothing(void **state)
{
    (void)state;
    struct err e = { 0 };
    AUTO(facts) struct facts a = { 0 };
    AUTO(facts) struct facts b = { 0 };
    assert_int_equal(facts_set_text(&a, "t", "some text", "why"), 0);
    assert_int_equal(facts_set_text(&a, "e", "", NULL), 0);
    assert_int_equal(facts_set_number(&a, "n", 0.25, UNIT_RATIO, NULL), 0);
    assert_int_equal(facts_set_list(&a, "l", "one two", NULL), 0);
    assert_int_equal(facts_set_list(&a, "none", "", NULL), 0);
    assert_int_equal(facts_set_unknown(&a, "u", "no privilege"), 0);
    json_t *json = facts_to_json(&a);
    struct node at = node_root(json);
    assert_int_equal(facts_of_json(&at, &b, &e), 0);
    assert_int_equal(b.count, a.count);
    for (unsigned i = 0; i < a.count; i++) {
        const struct fact *x = &a.items[i];
        const struct fact *y = &b.items[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->kind, y->kind);
        assert_true(x->kind != FACT_NUMBER || (x->number == y->number && x->unit == y->unit));
        assert_string_equal(x->text ? x->text : "-", y->text ? y->text : "-");
        assert_string_equal(x->reason ? x->reason : "-", y->reason ? y->reason : "-");
    }
    json_decref(json);
}

static void refuses(const char *json, const char *sentence)
{
    struct err e = { 0 };
    AUTO(facts) struct facts f = { 0 };
    json_t *root = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(root);
    struct node at = node_root(root);
    int status = facts_of_json(&at, &f, &e);
    json_decref(root);
    assert_string_equal(e.msg, sentence);
    assert_int_equal(status, -1);
}

static void json_that_states_no_fact_is_refused(void **state)
{
    (void)state;
    refuses("[]", "the whole: expected an object, found an array");
    refuses("{\"a\": 1}", "a: expected an object, found 1");
    refuses("{\"a\": {\"value\": 1, \"unit\": \"ells\"}}",
            "a.unit: expected a unit, found \"ells\"");
    refuses("{\"a\": {\"value\": 1}}", "a.unit: expected a unit, found nothing");
    refuses("{\"a\": {\"value\": true}}",
            "a.value: expected a string, a number, an array of words or null, found true");
    refuses("{\"a\": {\"value\": [\"b\", 2]}}",
            "a.value[1]: expected a word without blanks, found 2");
    refuses("{\"a\": {\"value\": [\"b c\"]}}",
            "a.value[0]: expected a word without blanks, found \"b c\"");
    refuses("{\"a\": {\"value\": [\"\"]}}",
            "a.value[0]: expected a word without blanks, found \"\"");
    refuses("{\"a\": {\"value\": null}}", "a.reason: expected a string, found nothing");
    refuses("{\"a\": {\"value\": \"x\", \"reason\": 3}}", "a.reason: expected a string, found 3");
    refuses("{\"\": {\"value\": \"x\"}}", ": the name of a fact has 1 to 63 bytes");
}

static void too_many_facts_or_words_are_refused(void **state)
{
    (void)state;
    struct err e;
    AUTO(facts) struct facts f = { 0 };
    json_t *root = json_object();
    json_t *words = json_array();
    char name[32];
    for (unsigned i = 0; i <= LIMITS_LIST; i++) {
        (void)json_array_append_new(words, json_string("w"));
    }
    (void)json_object_set_new(root, "l", json_pack("{s:o}", "value", words));
    struct node at = node_root(root);
    assert_int_equal(facts_of_json(&at, &f, &e), -1);
    assert_string_equal(e.msg, "l.value: 513 words, and at most 512 are read");
    for (unsigned i = 0; i < LIMITS_FACTS; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        (void)json_object_set_new(root, name, json_pack("{s:s}", "value", "x"));
    }
    assert_int_equal(facts_of_json(&at, &f, &e), -1);
    assert_string_equal(e.msg, ": more than 256 facts");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_found_and_shown),
        cmocka_unit_test(a_fact_of_the_same_name_is_replaced),
        cmocka_unit_test(a_fact_may_be_replaced_by_its_own_text),
        cmocka_unit_test(a_number_that_is_none_is_unknown),
        cmocka_unit_test(facts_and_words_have_limits),
        cmocka_unit_test(a_list_holds_whole_words_only),
        cmocka_unit_test(a_text_is_compared_whole),
        cmocka_unit_test(facts_of_another_are_taken_over),
        cmocka_unit_test(release_is_idempotent),
        cmocka_unit_test(json_and_back_changes_nothing),
        cmocka_unit_test(json_that_states_no_fact_is_refused),
        cmocka_unit_test(too_many_facts_or_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
