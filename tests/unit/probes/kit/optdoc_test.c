#include "probes/kit/optdoc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

struct conf {
    bool strict;
    uint64_t record_bytes;
    const char *format;
    struct opt_list labels;
};

static const char *const formats[] = { "text", "open_metrics", NULL };

static const struct opt opts[] = {
    OPT_FLAG(struct conf, strict, .name = "strict", .letter = 's', .help = "Be strict."),
    OPT_BYTES(struct conf, record_bytes, .name = "record", .initial = "2300", .max = 1 << 20,
              .help = "Bytes of one append, which is what etcd writes for an object of a few "
                      "hundred bytes with its index."),
    OPT_CHOICE(struct conf, format, .name = "format-of-the-report", .arg = "FORMAT",
               .initial = "text", .choices = formats, .help = "How to say it."),
    OPT_LIST(struct conf, labels, .name = "label", .letter = 'l', .arg = "KEY_NAME",
             .help = "A word *of* yours."),
    OPT_END,
};

static void help_is_aligned_and_wrapped(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    optdoc_help(opts, &out);
    assert_string_equal(
        buf_text(&out),
        "  -s, --strict            Be strict.\n"
        "      --record BYTES      Bytes of one append, which is what etcd writes for an\n"
        "                          object of a few hundred bytes with its index. Default:\n"
        "                          2300.\n"
        "      --format-of-the-report FORMAT\n"
        "                          How to say it. One of: text, open_metrics. Default:\n"
        "                          text.\n"
        "  -l, --label KEY_NAME    A word *of* yours. May be given again.\n");
}

static void no_line_of_help_exceeds_80_columns(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    optdoc_wrap("aa bbb cccc ddddd eeeeee fffffff gggggggg hhhhhhhhh iiiiiiiiii jj kkk llll mmmmm "
                "nnnnnn ooooooo pppppppp qqqqqqqqq rrrrrrrrrr ss ttt uuuu vvvvv wwwwww",
                7, &out);
    unsigned lines = 0;
    for (const char *at = buf_text(&out); *at != '\0'; lines++) {
        size_t width = strcspn(at, "\n");
        assert_true(width + (lines == 0 ? 7 : 0) <= 80);
        assert_true(width + (lines == 0 ? 7 : 0) > 60 || at[width + 1] == '\0');
        at += width + 1;
    }
    assert_int_equal(lines, 3);
}

static void word_longer_than_a_line_stands_alone(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    char word[100];
    char expected[256];
    memset(word, 'x', 99);
    word[99] = '\0';
    (void)snprintf(expected, sizeof(expected), "a %s b", word);
    optdoc_wrap(expected, 2, &out);
    (void)snprintf(expected, sizeof(expected), "a\n  %s\n  b\n", word);
    assert_string_equal(buf_text(&out), expected);
}

static void nothing_to_wrap_is_an_empty_line(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    optdoc_wrap("", 4, &out);
    assert_string_equal(buf_text(&out), "\n");
}

static void scdoc_source_has_its_marks_escaped(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    optdoc_scdoc(opts + 2, &out);
    assert_string_equal(buf_text(&out),
                        "*--format-of-the-report* _FORMAT_\n"
                        "\tHow to say it. One of: text, open\\_metrics. Default: text.\n\n"
                        "*-l*, *--label* _KEY\\_NAME_\n"
                        "\tA word \\*of\\* yours. May be given again.\n\n");
}

static void no_table_gives_no_text(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    optdoc_help(NULL, &out);
    optdoc_scdoc(NULL, &out);
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_aligned_and_wrapped),
        cmocka_unit_test(no_line_of_help_exceeds_80_columns),
        cmocka_unit_test(word_longer_than_a_line_stands_alone),
        cmocka_unit_test(nothing_to_wrap_is_an_empty_line),
        cmocka_unit_test(scdoc_source_has_its_marks_escaped),
        cmocka_unit_test(no_table_gives_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
