#include "reports/paper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct paper_column columns[] = {
    {"NODE",     PAPER_LEFT },
    { "VERDICT", PAPER_GRADE},
    { "RTT",     PAPER_RIGHT},
    { "WHY",     PAPER_REST }
};

static void fill(struct paper *p)
{
    *p = (struct paper){ 0 };
    paper_say(p, PAPER_TITLE, "A <title>");
    paper_say(p, PAPER_HEADING, "Pairs");
    paper_table(p, columns, 4);
    paper_cell(p, "a|b");
    paper_cell(p, "unfit");
    paper_cell(p, "1 ms");
    paper_cell(p, "because of \033[2J and a sentence that is long enough to be wrapped below");
    paper_say(p, PAPER_ITEM, "one");
    paper_say(p, PAPER_ITEM, "two");
}

static void text_is_in_columns_and_harmless(void **state)
{
    (void)state;
    AUTO(paper) struct paper p;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    fill(&p);
    assert_int_equal(paper_text(&p, 60, false, &out, &e), 0);
    assert_string_equal(buf_text(&out),
                        "A <title>\n"
                        "\n"
                        "Pairs\n"
                        "NODE  VERDICT   RTT  WHY\n"
                        "a|b   unfit    1 ms  because of ?[2J and a sentence that is\n"
                        "                     long enough to be wrapped below\n"
                        "\n"
                        "  one\n"
                        "  two\n");
}

static void a_grade_is_coloured_where_colour_is_asked_for(void **state)
{
    (void)state;
    AUTO(paper) struct paper p;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    fill(&p);
    assert_int_equal(paper_text(&p, 60, true, &out, &e), 0);
    assert_non_null(strstr(buf_text(&out), "\033[31munfit\033[0m    1 ms"));
}

static void a_wide_table_comes_in_parts(void **state)
{
    (void)state;
    static const struct paper_column wide[] = {
        {"N",           PAPER_LEFT },
        { "aaaaaaaaaa", PAPER_RIGHT},
        { "bbbbbbbbbb", PAPER_RIGHT},
        { "cccccccccc", PAPER_RIGHT}
    };
    AUTO(paper) struct paper p = { 0 };
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    paper_table(&p, wide, 4);
    paper_cell(&p, "x");
    paper_cell(&p, "1");
    paper_cell(&p, "2");
    paper_cell(&p, "3");
    assert_int_equal(paper_text(&p, 28, false, &out, &e), 0);
    assert_string_equal(buf_text(&out), "N  aaaaaaaaaa  bbbbbbbbbb\n"
                                        "x           1           2\n"
                                        "\n"
                                        "N  cccccccccc\n"
                                        "x           3\n");
    buf_clear(&out);
    assert_int_equal(paper_text(&p, 1, false, &out, &e), 0); /* no narrower than a column */
}

static void markdown_and_html_escape(void **state)
{
    (void)state;
    AUTO(paper) struct paper p;
    AUTO(buf) struct buf markdown = { 0 };
    AUTO(buf) struct buf html = { 0 };
    struct err e = { 0 };
    fill(&p);
    assert_int_equal(paper_markdown(&p, &markdown, &e), 0);
    assert_non_null(strstr(buf_text(&markdown), "# A &lt;title&gt;\n\n## Pairs\n"));
    assert_non_null(strstr(buf_text(&markdown), "|---|---|--:|---|\n| a\\|b | **unfit** | 1 ms |"));
    assert_non_null(strstr(buf_text(&markdown), "- one\n- two\n"));
    assert_int_equal(paper_html(&p, "<t>", &html, &e), 0);
    assert_non_null(strstr(buf_text(&html), "<title>&lt;t&gt;</title>"));
    assert_non_null(strstr(buf_text(&html), "<h1>A &lt;title&gt;</h1>"));
    assert_non_null(strstr(buf_text(&html), "<span class=\"pill unfit\">unfit</span>"));
    assert_null(strchr(buf_text(&html), '\033'));
}

static void cells_without_a_table_are_refused(void **state)
{
    (void)state;
    AUTO(paper) struct paper p = { 0 };
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    paper_cell(&p, "x");
    assert_int_equal(paper_text(&p, 80, false, &out, &e), -1);
    assert_int_equal(paper_markdown(&p, &out, &e), -1);
    assert_int_equal(paper_html(&p, "t", &out, &e), -1);
    paper_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_in_columns_and_harmless),
        cmocka_unit_test(a_grade_is_coloured_where_colour_is_asked_for),
        cmocka_unit_test(a_wide_table_comes_in_parts),
        cmocka_unit_test(markdown_and_html_escape),
        cmocka_unit_test(cells_without_a_table_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
