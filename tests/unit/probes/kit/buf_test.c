#include "probes/kit/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

static void empty_reads_as_empty_text(void **state)
{
    (void)state;
    struct buf b = { 0 };
    assert_string_equal(buf_text(&b), "");
    buf_release(&b);
}

static void appends_are_joined_and_terminated(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { 0 };
    buf_add(&b, "abc", 2);
    buf_adds(&b, "cd");
    buf_addf(&b, "%d%s", 42, "!");
    assert_string_equal(buf_text(&b), "abcd42!");
    assert_int_equal(b.size, 7);
    assert_false(b.failed);
}

static void bytes_may_hold_nul(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { 0 };
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.size, 3);
    assert_memory_equal(b.data, "a\0b", 4);
}

static void nothing_appended_is_no_failure(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { .cap = 1 };
    buf_add(&b, NULL, 0);
    buf_addf(&b, "%s", "");
    assert_false(b.failed);
    assert_int_equal(b.size, 0);
}

static void grows_to_the_cap_exactly_and_not_beyond(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { .cap = 1000 };
    for (int i = 0; i < 1000; i++) {
        buf_addf(&b, "%d", i % 10);
    }
    assert_false(b.failed);
    assert_int_equal(b.size, 1000);
    assert_true(b.room <= 1001);
    buf_adds(&b, "x");
    assert_true(b.failed);
    assert_int_equal(b.size, 1000);
    assert_int_equal(strlen(buf_text(&b)), 1000);
}

static void failure_stays_until_cleared(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { .cap = 4 };
    buf_adds(&b, "12345");
    buf_adds(&b, "1");
    assert_true(b.failed);
    assert_int_equal(b.size, 0);
    buf_clear(&b);
    buf_adds(&b, "1234");
    assert_false(b.failed);
    assert_string_equal(buf_text(&b), "1234");
}

static void zero_cap_means_the_common_limit(void **state)
{
    (void)state;
    AUTO(buf) struct buf b = { 0 };
    static const char piece[1 << 20];
    for (int i = 0; i < LIMITS_BUF_BYTES >> 20; i++) {
        buf_add(&b, piece, sizeof(piece));
    }
    assert_false(b.failed);
    buf_adds(&b, "x");
    assert_true(b.failed);
}

static void clear_keeps_the_memory_and_release_is_idempotent(void **state)
{
    (void)state;
    struct buf b = { .cap = 100 };
    buf_adds(&b, "text");
    char *data = b.data;
    buf_clear(&b);
    assert_ptr_equal(b.data, data);
    assert_string_equal(buf_text(&b), "");
    buf_release(&b);
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_reads_as_empty_text),
        cmocka_unit_test(appends_are_joined_and_terminated),
        cmocka_unit_test(bytes_may_hold_nul),
        cmocka_unit_test(nothing_appended_is_no_failure),
        cmocka_unit_test(grows_to_the_cap_exactly_and_not_beyond),
        cmocka_unit_test(failure_stays_until_cleared),
        cmocka_unit_test(zero_cap_means_the_common_limit),
        cmocka_unit_test(clear_keeps_the_memory_and_release_is_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
