#include "probes/image/beneath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_taken_apart(void **state)
{
    (void)state;

    static const struct {
        const char *text, *path, *last;
        size_t parent_size;
    } rows[] = {
        {"a",            "a",       "a",   0},
        { "a/b",         "a/b",     "b",   1},
        { "./a//b/./c/", "a/b/c",   "c",   3},
        { ".",           "",        "",    0},
        { "./",          "",        "",    0},
        { "...",         "...",     "...", 0},
        { "..a/b..",     "..a/b..", "b..", 3},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct beneath_name name;
        struct err e;
        assert_int_equal(beneath_name(rows[i].text, &name, &e), 0);
        assert_string_equal(name.path, rows[i].path);
        assert_string_equal(name.last, rows[i].last);
        assert_int_equal(name.parent_size, rows[i].parent_size);
    }
}

static void names_that_lead_outside_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "/",    "/etc/passwd", "..",   "../a",
                                         "a/..", "a/../../b",   "./..", "a/b/.." };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct beneath_name name;
        struct err e = { 0 };
        assert_int_equal(beneath_name(texts[i], &name, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
    }
}

static void names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[6000];
    struct beneath_name name;
    struct err e = { 0 };
    memset(text, 'n', sizeof text);
    text[256] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), -1);
    text[255] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), 0);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '/' : 'n';
    text[sizeof text - 1] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), -1);
    assert_non_null(strstr(e.msg, "4095"));
    text[4095] = '\0';
    assert_int_equal(beneath_name(text, &name, &e), 0);
}

static void hostile_names_are_fit_for_a_sentence(void **state)
{
    (void)state;
    char shown[BENEATH_SHOWN_BYTES];
    char text[300];
    assert_string_equal(beneath_show("plain", shown), "plain");
    assert_string_equal(beneath_show("a\nb\033[2J'\x7f", shown), "a?b?[2J??");
    memset(text, 'n', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(strlen(beneath_show(text, shown)), BENEATH_SHOWN_BYTES - 1);
    assert_string_equal(shown + BENEATH_SHOWN_BYTES - 4, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_taken_apart),
        cmocka_unit_test(names_that_lead_outside_are_refused),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test(hostile_names_are_fit_for_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
