#include "bench/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void known_labels_are_kept(void **state)
{
    (void)state;
    struct document d = { 0 };
    struct err e = { 0 };
    struct opt_list labels = {
        .items = {"provider=Example", "price=12.50 EUR = cheap"},
          .count = 2
    };
    assert_int_equal(labels_parse(&labels, &d, &e), 0);
    assert_int_equal(d.label_count, 2);
    assert_string_equal(d.labels[0].key, "provider");
    assert_string_equal(d.labels[1].value, "12.50 EUR = cheap");
}

static void wrong_labels_are_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"colour=blue",   "unknown key 'colour'"},
        { "provider",     "not KEY=VALUE"       },
        { "=x",           "not KEY=VALUE"       },
        { "plan=",        "not KEY=VALUE"       },
        { "plan=\033[1m", "control character"   },
        { "plan=a\nb",    "control character"   }
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct document d = { 0 };
        struct err e = { 0 };
        struct opt_list labels = { .items = { wrong[i].text }, .count = 1 };
        assert_int_equal(labels_parse(&labels, &d, &e), -1);
        assert_non_null(strstr(e.msg, wrong[i].says));
    }
}

static void a_label_given_twice_is_refused(void **state)
{
    (void)state;
    struct document d = { 0 };
    struct err e = { 0 };
    struct opt_list labels = {
        .items = {"plan=a", "plan=b"},
          .count = 2
    };
    assert_int_equal(labels_parse(&labels, &d, &e), -1);
    assert_non_null(strstr(e.msg, "given twice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_labels_are_kept),
        cmocka_unit_test(wrong_labels_are_refused_by_name),
        cmocka_unit_test(a_label_given_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
