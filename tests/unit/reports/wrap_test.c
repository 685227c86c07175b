#include "reports/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/prng.h"

static void wraps_to(const char *text, unsigned at, unsigned indent, unsigned width,
                     const char *expected)
{
    AUTO(buf) struct buf out = { 0 };
    wrap_words(text, at, indent, width, &out);
    assert_string_equal(buf_text(&out), expected);
}

static void lines_break_at_blanks(void **state)
{
    (void)state;
    wraps_to("one two three", 0, 2, 8, "one two\n  three");
    wraps_to("one two three", 0, 0, 100, "one two three");
    wraps_to("one two", 5, 2, 8, "one\n  two");
    wraps_to("", 0, 0, 10, "");
    wraps_to("  one   two  ", 0, 0, 10, "one two");
}

static void a_number_keeps_its_unit(void **state)
{
    (void)state;
    wraps_to("took 25 ms (fit <= 10 ms)", 0, 0, 9, "took\n25 ms\n(fit\n<= 10 ms)");
    wraps_to("is 25 months", 0, 0, 6, "is 25\nmonths");
}

static void a_word_too_long_is_cut(void **state)
{
    (void)state;
    wraps_to("abcdefghij", 0, 0, 4, "abcd\nefgh\nij");
    wraps_to("abcdefghij", 0, 2, 6, "abcdef\n  ghij");
    wraps_to("ab", 9, 9, 3, "a\n         b"); /* no room at all: one character a line */
}

static void columns_are_characters(void **state)
{
    (void)state;
    assert_int_equal(wrap_columns("\xC3\xA4\xC3\xB6"), 2);
    wraps_to("\xC3\xA4\xC3\xB6 \xC3\xBC", 0, 0, 4, "\xC3\xA4\xC3\xB6 \xC3\xBC");
    wraps_to("\xC3\xA4\xC3\xB6\xC3\xBC", 0, 0, 2, "\xC3\xA4\xC3\xB6\n\xC3\xBC");
}

static void nothing_moves_the_cursor(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    wrap_clean("a\x1b[31mb\rc\x7f\xC2\x9B\n\tk \xC2\xA0\xC3\xA4", &out);
    assert_string_equal(buf_text(&out), "a?[31mb?c??  k \xC2\xA0\xC3\xA4");
}

static void ascii_has_one_mark_a_character(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    wrap_ascii("Gr\xC3\xB6\xC3\x9F"
               "e\x1b \xE2\x82\xAC \xDE\xB4\xFF",
               &out);
    assert_string_equal(buf_text(&out), "Gr??e? ? ??");
}

/* Any words, any widths: no line is wider, and no character is lost. */
static void no_line_passes_the_width(void **state)
{
    (void)state;
    const char *given = getenv("PLIMSOLL_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : prng_entropy();
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)seed);
    struct prng p;
    prng_init(&p, seed);
    for (unsigned i = 0; i < 5000; i++) {
        char text[200];
        size_t n = prng_below(&p, sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = "abc123<=% ms"[prng_below(&p, 12)];
        text[n] = '\0';
        unsigned width = 1 + (unsigned)prng_below(&p, 60);
        unsigned indent = (unsigned)prng_below(&p, width);
        AUTO(buf) struct buf out = { 0 };
        wrap_words(text, 0, indent, width, &out);
        size_t kept = 0;
        size_t had = 0;
        for (const char *c = text; *c; c++)
            had += *c != ' ';
        for (const char *line = buf_text(&out); *line; line += *line == '\n') {
            size_t length = strcspn(line, "\n");
            assert_true(length <= width);
            for (; length > 0; length--, line++)
                kept += *line != ' ';
        }
        assert_int_equal(kept, had);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_break_at_blanks),
        cmocka_unit_test(a_number_keeps_its_unit),
        cmocka_unit_test(a_word_too_long_is_cut),
        cmocka_unit_test(columns_are_characters),
        cmocka_unit_test(ascii_has_one_mark_a_character),
        cmocka_unit_test(nothing_moves_the_cursor),
        cmocka_unit_test(no_line_passes_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
