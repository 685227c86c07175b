#include "reports/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static void text_cannot_become_markup(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    struct html h = { .out = &out };
    html_leaf(&h, "b", NULL, "<script>\"a\" & 'b'</script>\x1b\x01\n");
    assert_string_equal(buf_text(&out), "<b>&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;"
                                        "&lt;/script&gt; </b>");
}

static void elements_close_in_the_order_they_were_opened(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    struct html h = { .out = &out };
    html_open(&h, "p", "why");
    html_open(&h, "b", NULL);
    html_text(&h, "x");
    html_close(&h);
    html_close(&h);
    assert_int_equal(h.depth, 0);
    assert_string_equal(buf_text(&out), "<p class=\"why\"><b>x</b></p>\n");
    assert_false(out.failed);
}

static void too_many_or_too_few_closings_are_a_failure(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    struct html h = { .out = &out };
    html_close(&h);
    assert_true(out.failed);
    AUTO(buf) struct buf deep = { 0 };
    struct html d = { .out = &deep };
    for (unsigned i = 0; i <= HTML_DEPTH; i++)
        html_open(&d, "b", NULL);
    assert_true(deep.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_cannot_become_markup),
        cmocka_unit_test(elements_close_in_the_order_they_were_opened),
        cmocka_unit_test(too_many_or_too_few_closings_are_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
