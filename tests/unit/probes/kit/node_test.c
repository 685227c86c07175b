#include "probes/kit/node.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

static json_t *parsed(const char *text)
{
    struct err e = { 0 };
    json_t *root = node_parse(text, strlen(text), "made", &e);
    assert_string_equal(e.msg, "");
    return root;
}

static void refuses(const char *text, const char *sentence)
{
    struct err e = { 0 };
    assert_null(node_parse(text, strlen(text), "made", &e));
    assert_int_equal(e.kind, ERR_DATA);
    assert_string_equal(e.msg, sentence);
}

static void what_is_not_json_is_refused_with_line_and_column(void **state)
{
    (void)state;
    refuses("", "made: it is empty");
    refuses("{\n \"a\": tru\n}", "made: line 2, column 9: not JSON: invalid token near 'tru'");
    refuses("{} x", "made: line 1, column 4: not JSON: end of file expected near 'x'");
}

static void infinity_and_numbers_too_large_are_refused(void **state)
{
    (void)state;
    refuses("[NaN]", "made: line 1, column 4: not JSON: invalid token near 'NaN'");
    refuses("[1e999]", "made: line 1, column 6: not JSON: real number overflow near '1e999'");
    refuses("[9223372036854775808]",
            "made: line 1, column 20: not JSON: too big integer near '9223372036854775808'");
}

static void keys_may_not_be_there_twice(void **state)
{
    (void)state;
    refuses("{\"a\": 1, \"a\": 2}",
            "made: line 1, column 12: not JSON: duplicate object key near '\"a\"'");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[4 * LIMITS_JSON_DEPTH] = { 0 };
    memset(text, '[', LIMITS_JSON_DEPTH);
    memset(text + LIMITS_JSON_DEPTH, ']', LIMITS_JSON_DEPTH);
    json_decref(parsed(text));
    memset(text, '[', LIMITS_JSON_DEPTH + 1);
    memset(text + LIMITS_JSON_DEPTH + 1, ']', LIMITS_JSON_DEPTH + 1);
    refuses(text, "made: nested 33 deep, and at most 32 levels are read");
}

static void brackets_inside_strings_have_no_depth(void **state)
{
    (void)state;
    json_decref(parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[ {{{{\"]"));
}

static void the_number_of_values_is_bounded(void **state)
{
    (void)state;
    struct err e = { 0 };
    size_t size = 2 * (size_t)LIMITS_JSON_VALUES + 3;
    AUTO_FREE char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i += 2) {
        text[i] = '1';
        text[i + (i + 1 < size)] = ',';
    }
    text[0] = '[';
    text[size - 1] = ']';
    assert_null(node_parse(text, size, "made", &e));
    assert_non_null(strstr(e.msg, "values, and at most 4194304 are read"));
}

static void control_characters_are_refused_however_they_are_written(void **state)
{
    (void)state;
    const char *const sentence = "made: line 2: a control character in a string";
    refuses("[\n\"a\\nb\"]", sentence);
    refuses("[\n\"\\u001b[31m\"]", sentence);
    refuses("[\n\"\\u009b\"]", sentence);
    refuses("[\n\"\\u0085\"]", sentence);
    refuses("[\n\"\\u007F\"]", sentence);
    refuses("[\n\"\x7f\"]", sentence);
    refuses("[\n\"\xc2\x9b\"]", sentence);
    json_decref(parsed("[\"\\u00e9 \\u2028 \\\\n \\/ \xc3\xa9 \\\" \"]"));
}

static void what_jansson_quotes_is_harmless(void **state)
{
    (void)state;
    refuses("[\x1b]", "made: line 1, column 2: not JSON: invalid token near '?'");
}

static void a_text_that_ends_in_an_escape_is_refused(void **state)
{
    (void)state;
    struct err e;
    static const char *const cut[] = { "[\"\\", "[\"\\u", "[\"\\u00", "[\"\xc2", "\"" };
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        size_t size = strlen(cut[i]);
        AUTO_FREE char *text = malloc(size); /* without its NUL */
        assert_non_null(text);
        memcpy(text, cut[i], size);
        assert_null(node_parse(text, size, "made", &e));
    }
}

static void getters_read_what_is_there(void **state)
{
    (void)state;
    struct err e = { 0 };
    json_t *json = parsed("{\"t\": \"text\", \"n\": 7, \"r\": 2.5, \"b\": true, \"z\": null,"
                          " \"o\": {\"a\": [1, {\"x\": 9}]}}");
    struct node root = node_root(json);
    struct node object;
    struct node array;
    char text[5];
    uint64_t n = 0;
    double r = 0;
    bool b = false;
    assert_int_equal(node_text(&root, "t", text, sizeof(text), &e), 0);
    assert_string_equal(text, "text");
    assert_string_equal(node_text_ref(&root, "t", &e), "text");
    assert_int_equal(node_u64(&root, "n", &n, &e), 0);
    assert_int_equal(n, 7);
    assert_int_equal(node_number_or_nan(&root, "r", &r, &e), 0);
    assert_true(r == 2.5);
    assert_int_equal(node_number_or_nan(&root, "n", &r, &e), 0);
    assert_true(r == 7);
    assert_int_equal(node_number_or_nan(&root, "z", &r, &e), 0);
    assert_true(isnan(r));
    assert_int_equal(node_number_or_nan(&root, "missing", &r, &e), 0);
    assert_true(isnan(r));
    assert_int_equal(node_bool(&root, "b", &b, &e), 0);
    assert_true(b);
    assert_true(node_has(&root, "b"));
    assert_false(node_has(&root, "z") || node_has(&root, "missing"));
    assert_int_equal(node_text_or_empty(&root, "z", text, sizeof(text), &e), 0);
    assert_string_equal(text, "");
    assert_int_equal(node_object(&root, "o", &object, &e), 0);
    assert_int_equal(node_array(&object, "a", &array, &e), 0);
    assert_int_equal(node_count(&array), 2);
    struct node item = node_item(&array, 1);
    assert_string_equal(item.where, "o.a[1]");
    assert_int_equal(node_u64(&item, "x", &n, &e), 0);
    assert_int_equal(n, 9);
    json_decref(json);
}

static void keys_are_walked_in_their_order(void **state)
{
    (void)state;
    json_t *json = parsed("{\"z\": 1, \"a\": 2, \"m\": 3}");
    struct node root = node_root(json);
    char seen[4] = "";
    for (const char *key = node_first_key(&root); key; key = node_next_key(&root, key)) {
        strncat(seen, key, 1);
    }
    assert_string_equal(seen, "zam");
    json_decref(json);
    json = parsed("{}");
    root = node_root(json);
    assert_null(node_first_key(&root));
    json_decref(json);
}

static void complains(int status, const struct err *e, const char *sentence)
{
    assert_int_equal(status, -1);
    assert_int_equal(e->kind, ERR_DATA);
    assert_string_equal(e->msg, sentence);
}

static void getters_name_the_place_and_what_they_found(void **state)
{
    (void)state;
    struct err e = { 0 };
    json_t *json = parsed("{\"m\": [{\"s\": 7, \"t\": \"a\\\"long text that goes on and on\","
                          " \"f\": 1.5, \"neg\": -3, \"o\": {}, \"a\": [], \"b\": true}]}");
    struct node root = node_root(json);
    struct node at;
    struct node out;
    char text[8];
    uint64_t n;
    double r;
    bool b;
    assert_int_equal(node_array(&root, "m", &at, &e), 0);
    at = node_item(&at, 0);
    complains(node_text(&at, "s", text, sizeof(text), &e), &e,
              "m[0].s: expected a string, found 7");
    complains(node_text(&at, "t", text, sizeof(text), &e), &e,
              "m[0].t: 31 bytes long, and at most 7 fit");
    complains(node_u64(&at, "t", &n, &e), &e,
              "m[0].t: expected a whole number from 0, found \"a\\\"long text that goes on a...");
    complains(node_u64(&at, "f", &n, &e), &e, "m[0].f: expected a whole number from 0, found 1.5");
    complains(node_u64(&at, "neg", &n, &e), &e,
              "m[0].neg: expected a whole number from 0, found -3");
    complains(node_number_or_nan(&at, "o", &r, &e), &e,
              "m[0].o: expected a number or null, found an object");
    complains(node_bool(&at, "a", &b, &e), &e, "m[0].a: expected true or false, found an array");
    complains(node_object(&at, "b", &out, &e), &e, "m[0].b: expected an object, found true");
    complains(node_array(&at, "missing", &out, &e), &e,
              "m[0].missing: expected an array, found nothing");
    assert_null(node_text_ref(&at, "o", &e));
    assert_string_equal(e.msg, "m[0].o: expected a string, found an object");
    json_decref(json);
}

static void a_place_too_long_is_cut(void **state)
{
    (void)state;
    struct err e;
    struct node out;
    struct node at = node_root(NULL);
    for (unsigned i = 0; i < 100; i++) {
        at = node_member(&at, "somewhere");
    }
    assert_int_equal(strlen(at.where), sizeof(at.where) - 1);
    assert_int_equal(node_object(&at, "x", &out, &e), -1);
}

static void written(json_t *value, const char *expected)
{
    struct err e = { 0 };
    AUTO(buf) struct buf text = { 0 };
    assert_int_equal(node_write(value, &text, &e), 0);
    assert_string_equal(buf_text(&text), expected);
    json_decref(value);
}

static void numbers_are_written_short(void **state)
{
    (void)state;
    written(node_new_number(5530), "5530\n");
    written(node_new_number(-2), "-2\n");
    written(node_new_number(0.1), "0.1\n");
    written(node_new_number(1.0 / 3), "0.333333333333333\n");
    written(node_new_number(9007199254740991.0), "9007199254740991\n");
    written(node_new_number(1e300), "1e300\n");
    written(node_new_number(NAN), "null\n");
    written(node_new_number(-INFINITY), "null\n");
    written(node_new_u64(7), "7\n");
    written(node_new_u64(UINT64_MAX), "9223372036854775807\n");
}

static void text_is_made_fit_for_json_and_terminals(void **state)
{
    (void)state;
    written(node_new_text(""), "\"\"\n");
    written(node_new_text("K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x9a\xa2"),
            "\"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x9a\xa2\"\n");
    written(node_new_text("a\xff\xc3<\xe2\x82\x1b[0m\n\x7f\xc2\x9b."), "\"a?"
                                                                       "?<?"
                                                                       "?"
                                                                       "?[0m?"
                                                                       "?"
                                                                       "?"
                                                                       "?.\"\n");
    written(node_new_text("\xed\xa0\x80"), "\"???\"\n"); /* half of a surrogate pair */
    written(node_new_text("\xc3"), "\"?\"\n");
    written(node_new_text_or_null(""), "null\n");
    written(node_new_text_or_null(NULL), "null\n");
    written(node_new_text_or_null("x"), "\"x\"\n");
}

static void objects_keep_their_order_and_are_indented(void **state)
{
    (void)state;
    written(parsed("{\"z\":1,\"a\":[],\"m\":{\"k\":[2]}}"),
            "{\n  \"z\": 1,\n  \"a\": [],\n  \"m\": {\n    \"k\": [\n      2\n    ]\n  }\n}\n");
}

static void writing_past_the_cap_fails(void **state)
{
    (void)state;
    struct err e;
    AUTO(buf) struct buf out = { .cap = 4 };
    json_t *value = parsed("[1, 2, 3]");
    assert_int_equal(node_write(value, &out, &e), -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    assert_int_equal(node_write(NULL, &out, &e), -1);
    json_decref(value);
}

static void documents_of_others_may_have_line_ends_in_strings(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":\"one\\n\\ttwo\"}";
    static const char deep[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";
    struct err e;
    assert_null(node_parse(text, sizeof text - 1, "ours", &e));
    json_t *json = node_parse_foreign(text, sizeof text - 1, "theirs", &e);
    assert_string_equal(json_string_value(json_object_get(json, "a")), "one\n\ttwo");
    json_decref(json);
    assert_null(node_parse_foreign(deep, sizeof deep - 1, "theirs", &e));
    assert_non_null(strstr(e.msg, "theirs: nested 34 deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_refused_with_line_and_column),
        cmocka_unit_test(infinity_and_numbers_too_large_are_refused),
        cmocka_unit_test(keys_may_not_be_there_twice),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(brackets_inside_strings_have_no_depth),
        cmocka_unit_test(the_number_of_values_is_bounded),
        cmocka_unit_test(control_characters_are_refused_however_they_are_written),
        cmocka_unit_test(what_jansson_quotes_is_harmless),
        cmocka_unit_test(a_text_that_ends_in_an_escape_is_refused),
        cmocka_unit_test(getters_read_what_is_there),
        cmocka_unit_test(keys_are_walked_in_their_order),
        cmocka_unit_test(getters_name_the_place_and_what_they_found),
        cmocka_unit_test(a_place_too_long_is_cut),
        cmocka_unit_test(numbers_are_written_short),
        cmocka_unit_test(text_is_made_fit_for_json_and_terminals),
        cmocka_unit_test(objects_keep_their_order_and_are_indented),
        cmocka_unit_test(writing_past_the_cap_fails),
        cmocka_unit_test(documents_of_others_may_have_line_ends_in_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
