#include "probes/kit/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_kind_errno_and_sentence(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_int_equal(err_set(&e, ERR_DENIED, EACCES, "open '%s'", "/x"), -1);
    assert_int_equal(e.kind, ERR_DENIED);
    assert_int_equal(e.sys, EACCES);
    assert_string_equal(e.msg, "open '/x': Permission denied");
}

static void set_without_errno_adds_nothing(void **state)
{
    (void)state;
    struct err e = { 0 };
    (void)err_set(&e, ERR_USAGE, 0, "unknown role '%s'", "cook");
    assert_string_equal(e.msg, "unknown role 'cook'");
}

static void unknown_errno_is_shown_as_its_number(void **state)
{
    (void)state;
    struct err e = { 0 };
    (void)err_set(&e, ERR_IO, 99999, "read");
    assert_string_equal(e.msg, "read: errno 99999");
}

static void long_sentence_is_cut_and_terminated(void **state)
{
    (void)state;
    struct err e = { 0 };
    (void)err_set(&e, ERR_IO, EIO, "%0600d", 1);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
    (void)err_wrap(&e, "%0600d", 2);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
}

static void wrap_puts_context_before_and_keeps_the_rest(void **state)
{
    (void)state;
    struct err e = { 0 };
    (void)err_set(&e, ERR_NO_RESOURCE, ENOSPC, "write '%s'", "seg");
    assert_int_equal(err_wrap(&e, "%s", "disk.wal"), -1);
    assert_string_equal(e.msg, "disk.wal: write 'seg': No space left on device");
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    assert_int_equal(e.sys, ENOSPC);
}

static void set_may_quote_the_message_it_replaces(void **state)
{
    (void)state;
    struct err e = { 0 };
    (void)err_set(&e, ERR_IO, 0, "inner");
    (void)err_set(&e, ERR_DATA, 0, "outer (%s)", e.msg);
    assert_string_equal(e.msg, "outer (inner)");
}

static void kinds_follow_the_errno(void **state)
{
    (void)state;
    assert_int_equal(err_kind_of(0), ERR_NONE);
    assert_int_equal(err_kind_of(EACCES), ERR_DENIED);
    assert_int_equal(err_kind_of(EPERM), ERR_DENIED);
    assert_int_equal(err_kind_of(ENOSYS), ERR_UNSUPPORTED);
    assert_int_equal(err_kind_of(EOPNOTSUPP), ERR_UNSUPPORTED);
    assert_int_equal(err_kind_of(ENOSPC), ERR_NO_RESOURCE);
    assert_int_equal(err_kind_of(EAGAIN), ERR_NO_RESOURCE);
    assert_int_equal(err_kind_of(ETIMEDOUT), ERR_TIMEOUT);
    assert_int_equal(err_kind_of(EINTR), ERR_INTERRUPTED);
    assert_int_equal(err_kind_of(ECONNREFUSED), ERR_PEER);
    assert_int_equal(err_kind_of(EIO), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_kind_errno_and_sentence),
        cmocka_unit_test(set_without_errno_adds_nothing),
        cmocka_unit_test(unknown_errno_is_shown_as_its_number),
        cmocka_unit_test(long_sentence_is_cut_and_terminated),
        cmocka_unit_test(wrap_puts_context_before_and_keeps_the_rest),
        cmocka_unit_test(set_may_quote_the_message_it_replaces),
        cmocka_unit_test(kinds_follow_the_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
