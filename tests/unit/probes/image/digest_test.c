#include "probes/image/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* SOURCE: FIPS 180-4's example of SHA-256 over "abc". */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void a_digest_is_read_and_written(void **state)
{
    (void)state;
    uint8_t read[DIGEST_BYTES];
    uint8_t computed[DIGEST_BYTES];
    char hex[DIGEST_HEX_BYTES];
    struct err e;
    assert_int_equal(digest_parse("sha256:" ABC, read, &e), 0);
    digest_of_bytes("abc", 3, computed);
    assert_int_equal(digest_compare(computed, read, &e), 0);
    digest_hex(read, hex);
    assert_string_equal(hex, ABC);
    computed[0] = 0;
    assert_int_equal(digest_compare(computed, read, &e), -1);
    assert_int_equal(e.kind, ERR_DATA);
    assert_non_null(strstr(e.msg, "is 00"));
    assert_non_null(strstr(e.msg, "should be " ABC));
}

struct text {
    const char *text;
    enum err_kind kind;
};

static void what_is_no_digest_is_refused(void **state)
{
    (void)state;
    static const struct text texts[] = {
        {"",                                                                         ERR_DATA       },
        { "sha256",                                                                  ERR_DATA       },
        { "sha256:",                                                                 ERR_DATA       },
        { ABC,                                                                       ERR_DATA       },
        { "sha256:../../x",                                                          ERR_DATA       },
        { "sha256:" ABC "0",                                                         ERR_DATA       },
        { "sha256:" ABC "/",                                                         ERR_DATA       },
        { " sha256:" ABC,                                                            ERR_DATA       },
        { "SHA256:" ABC,                                                             ERR_DATA       },
        { "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", ERR_DATA       },
        { "../x:" ABC,                                                               ERR_DATA       },
        { "sha512:",                                                                 ERR_DATA       },
        { "sha512:a/b",                                                              ERR_DATA       },
        { ":" ABC,                                                                   ERR_DATA       },
        { "sha512:" ABC ABC,                                                         ERR_UNSUPPORTED},
        { "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",         ERR_UNSUPPORTED},
    };
    uint8_t digest[DIGEST_BYTES];
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(digest_parse(texts[i].text, digest, &e), -1);
        assert_int_equal(e.kind, texts[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_read_and_written),
        cmocka_unit_test(what_is_no_digest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
