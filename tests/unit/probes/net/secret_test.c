#include "probes/net/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/net/locked.h"

static void without_a_file_there_is_no_key(void **state)
{
    struct secret s;
    struct err e = { 0 };
    (void)state;
    assert_int_equal(secret_check(NULL, &e), 0);
    assert_int_equal(secret_check("", &e), 0);
    assert_int_equal(secret_open(&s, "", &e), 0);
    assert_null(secret_key(&s));
    secret_release(&s);
}

static void key_is_the_file_s_until_it_is_wiped(void **state)
{
    static const uint8_t zeros[sizeof(struct auth_key)];
    static const uint8_t said[] = "words";
    const struct auth_text text = { .head = said, .head_bytes = sizeof said };
    uint8_t ours[AUTH_TAG_BYTES];
    uint8_t theirs[AUTH_TAG_BYTES];
    struct locked l;
    struct secret s;
    struct err e = { 0 };
    (void)state;
    locked_open(&l, "a secret of the test");
    assert_int_equal(secret_check(l.path, &e), 0);
    assert_int_equal(secret_open(&s, l.path, &e), 0);
    assert_ptr_equal(secret_key(&s), &s.key);
    auth_put_tag(secret_key(&s), &text, ours);
    auth_put_tag(&l.key, &text, theirs);
    assert_memory_equal(ours, theirs, sizeof ours);
    secret_release(&s);
    secret_release(&s);
    assert_null(secret_key(&s));
    assert_memory_equal(&s.key, zeros, sizeof zeros);
    locked_close(&l);
}

/* Whatever is wrong with it, it is for the user to mend before anything is measured. */
static void a_file_that_is_no_key_is_refused_by_its_option(void **state)
{
    struct locked l;
    struct err e = { 0 };
    (void)state;
    assert_int_equal(secret_check("/nonexistent/key", &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "--key-file: key file '/nonexistent/key'"));
    locked_open(&l, "short");
    assert_int_equal(secret_check(l.path, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_int_equal(chmod(l.path, 0644), 0);
    assert_int_equal(secret_check(l.path, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_non_null(strstr(e.msg, "chmod o="));
    locked_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_there_is_no_key),
        cmocka_unit_test(key_is_the_file_s_until_it_is_wiped),
        cmocka_unit_test(a_file_that_is_no_key_is_refused_by_its_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
