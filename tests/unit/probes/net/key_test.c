#include "probes/net/key.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static void parsed(const char *text, const void *octets, size_t size)
{
    struct key k;
    struct err e = { 0 };
    assert_int_equal(key_parse(text, strlen(text), &k, &e), 0);
    assert_int_equal(k.size, size);
    assert_memory_equal(k.bytes, octets, size);
}

static void refused(const char *text, size_t size, const char *reason)
{
    struct key k;
    struct err e = { 0 };
    assert_int_equal(key_parse(text, size, &k, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    assert_non_null(strstr(e.msg, reason));
    assert_int_equal(k.size, 0);
}

static void hexadecimal_digits_are_octets(void **state)
{
    (void)state;
    static const uint8_t octets[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                      0x18, 0x29, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e, 0x8f };
    parsed("0001020304050607"
           "18293a4b5c6d7e8f",
           octets, sizeof octets);
    parsed("0001020304050607"
           "18293A4B5c6d7E8F\n",
           octets, sizeof octets);
    parsed("0001020304050607"
           "18293a4b5c6d7e8f\r\n",
           octets, sizeof octets);
}

static void other_lines_are_the_key_as_they_stand(void **state)
{
    (void)state;
    parsed("eight oc\n", "eight oc", 8);
    parsed("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f and blanks ",
           "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f and blanks ", 20);
    /* Hex by its letters, but too short or odd. */
    parsed("deadbeef", "deadbeef", 8);
    parsed("000102030405060718293a4b5c6d7e", "000102030405060718293a4b5c6d7e", 30);
    parsed("0001020304050607"
           "18293a4b5c6d7e8f0",
           "000102030405060718293a4b5c6d7e8f0", 33);
}

static void longest_keys_fit(void **state)
{
    (void)state;
    char text[2 * KEY_BYTES_MAX + 1] = { 0 };
    uint8_t octets[KEY_BYTES_MAX];
    memset(octets, 0xee, sizeof octets);
    memset(text, 'e', 2 * KEY_BYTES_MAX);
    parsed(text, octets, sizeof octets);
    memset(text, 0, sizeof text);
    memset(text, 'x', KEY_BYTES_MAX);
    parsed(text, text, KEY_BYTES_MAX);
}

static void keys_that_protect_nothing_are_refused(void **state)
{
    (void)state;
    static char text[2 * KEY_BYTES_MAX + 2];
    refused("", 0, "empty");
    refused("\n", 1, "empty");
    refused("\r\n", 2, "empty");
    refused("7 octets", 7, "at least 8");
    refused("one line\nand another\n", 21, "one line");
    refused("nul\0in it", 9, "one line");
    refused("a tab\tis not seen", 17, "one line");
    memset(text, 'x', sizeof text);
    refused(text, KEY_BYTES_MAX + 1, "more than 64");
    memset(text, 'e', sizeof text);
    refused(text, 2 * KEY_BYTES_MAX + 2, "more than 64");
}

struct box { /* a file of its own */
    char path[32];
};

static void put(struct box *b, const char *text, mode_t mode)
{
    (void)snprintf(b->path, sizeof b->path, "/tmp/key_test.XXXXXX");
    AUTO_CLOSE int fd = mkstemp(b->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

static void file_of_ones_own_is_loaded(void **state)
{
    (void)state;
    static const uint8_t jefe_like[] = "what do ya want for nothing?";
    struct auth_text text = { .head = jefe_like, .head_bytes = sizeof jefe_like - 1 };
    struct box b;
    struct err e = { 0 };
    struct auth_key wanted;
    struct auth_key loaded;
    uint8_t tag[AUTH_TAG_BYTES];
    auth_key_set(&wanted, (const uint8_t *)"a good secret", 13);
    auth_put_tag(&wanted, &text, tag);
    put(&b, "a good secret\n", 0640);
    assert_int_equal(key_load(b.path, &loaded, &e), 0);
    assert_true(auth_is_tag(&loaded, &text, tag));
    assert_int_equal(unlink(b.path), 0);
}

static void file_that_others_read_or_write_is_refused_with_the_remedy(void **state)
{
    (void)state;
    static const mode_t modes[] = { 0604, 0602, 0644, 0666 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct box b;
        struct err e = { 0 };
        struct auth_key k;
        put(&b, "a good secret\n", modes[i]);
        assert_int_equal(key_load(b.path, &k, &e), -1);
        assert_int_equal(e.kind, ERR_DENIED);
        assert_non_null(strstr(e.msg, b.path));
        assert_non_null(strstr(e.msg, "chmod o="));
        assert_int_equal(unlink(b.path), 0);
    }
}

static void what_is_no_key_file_is_named(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct auth_key k;
    assert_int_equal(key_load("/nonexistent/key", &k, &e), -1);
    assert_non_null(strstr(e.msg, "key file '/nonexistent/key': open it"));
    assert_int_equal(key_load("/", &k, &e), -1);
    assert_non_null(strstr(e.msg, "key file '/'"));
    assert_int_equal(key_load("/dev/zero", &k, &e), -1); /* without an end */
    assert_int_equal(e.kind, ERR_DATA);
    assert_int_equal(key_load("/dev/null", &k, &e), -1);
    assert_non_null(strstr(e.msg, "empty"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hexadecimal_digits_are_octets),
        cmocka_unit_test(other_lines_are_the_key_as_they_stand),
        cmocka_unit_test(longest_keys_fit),
        cmocka_unit_test(keys_that_protect_nothing_are_refused),
        cmocka_unit_test(file_of_ones_own_is_loaded),
        cmocka_unit_test(file_that_others_read_or_write_is_refused_with_the_remedy),
        cmocka_unit_test(what_is_no_key_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
