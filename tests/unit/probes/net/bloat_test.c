#include "probes/net/bloat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1e6

static void words_follow_the_published_grades(void **state)
{
    (void)state;
    assert_string_equal(bloat_word(0), "none");
    assert_string_equal(bloat_word(4.99 * MS), "none");
    assert_string_equal(bloat_word(5 * MS), "slight");
    assert_string_equal(bloat_word(30 * MS), "noticeable");
    assert_string_equal(bloat_word(60 * MS), "strong");
    assert_string_equal(bloat_word(200 * MS), "severe");
    assert_string_equal(bloat_word(400 * MS), "ruinous");
    assert_string_equal(bloat_word(1e12), "ruinous");
}

static void the_table_ends_and_names_what_is_said(void **state)
{
    const char *word;
    const char *what;
    unsigned count = 0;
    (void)state;
    while (bloat_grade(count, &word, &what))
        count++;
    assert_int_equal(count, 6);
    assert_string_equal(word, "ruinous");
}

static void loss_without_delay_is_no_queue(void **state)
{
    (void)state;
    assert_true(bloat_is_limiter(0.3, 0.1 * MS));
    assert_false(bloat_is_limiter(0.3, 80 * MS)); /* a queue that overflows */
    assert_false(bloat_is_limiter(0.001, 0.1 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_follow_the_published_grades),
        cmocka_unit_test(the_table_ends_and_names_what_is_said),
        cmocka_unit_test(loss_without_delay_is_no_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
