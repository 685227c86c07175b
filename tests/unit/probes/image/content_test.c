#include "probes/image/content.h"

#include <nettle/sha2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum {
    BLOCKS = 64,
    ALL = BLOCKS * CONTENT_BLOCK_BYTES
};

static struct content content;
static uint8_t bytes[ALL];

static void fill(enum content_kind kind, uint64_t seed)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        content_block(&content, kind, seed, i, bytes + (size_t)i * CONTENT_BLOCK_BYTES);
}

static double ratio(void)
{
    static uint8_t packed[ALL + ALL / 8];
    uLongf size = sizeof packed;
    assert_int_equal(compress2(packed, &size, bytes, ALL, 6), Z_OK);
    return (double)ALL / (double)size;
}

/* If this fails, every image of every seed has changed: figures of old documents do not compare. */
static void the_bytes_of_a_seed_are_these(void **state)
{
    (void)state;

    static const struct {
        enum content_kind kind;
        const char *first; /* of the digest, in hex */
    } rows[] = {
        {CONTENT_TEXT,    "8336c2b27ed34d39"},
        { CONTENT_CODE,   "b35cb65200d90dcb"},
        { CONTENT_PACKED, "ddbf20ffce9fe357"},
    };

    for (unsigned i = 0; i < 3; i++) {
        struct sha256_ctx digest;
        uint8_t sum[SHA256_DIGEST_SIZE];
        char hex[17];
        content_init(&content, 1);
        fill(rows[i].kind, 2);
        sha256_init(&digest);
        sha256_update(&digest, ALL, bytes);
        sha256_digest(&digest, sizeof sum, sum);
        for (unsigned k = 0; k < 8; k++)
            (void)snprintf(hex + (size_t)2 * k, 3, "%02x", sum[k]);
        assert_string_equal(hex, rows[i].first);
    }
}

static void each_kind_compresses_as_real_files_do(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        content_init(&content, seed);
        fill(CONTENT_TEXT, seed);
        assert_true(ratio() > 3.0 && ratio() < 4.5);
        fill(CONTENT_CODE, seed);
        assert_true(ratio() > 2.2 && ratio() < 3.5);
        fill(CONTENT_PACKED, seed);
        assert_true(ratio() < 1.01);
    }
}

static void blocks_and_seeds_differ(void **state)
{
    (void)state;
    uint8_t one[CONTENT_BLOCK_BYTES];
    uint8_t other[CONTENT_BLOCK_BYTES];
    content_init(&content, 3);
    for (enum content_kind kind = CONTENT_TEXT; kind <= CONTENT_PACKED; kind++) {
        content_block(&content, kind, 9, 0, one);
        content_block(&content, kind, 9, 0, other);
        assert_memory_equal(one, other, sizeof one);
        content_block(&content, kind, 9, 1, other);
        assert_memory_not_equal(one, other, sizeof one);
        content_block(&content, kind, 1000, 0, other);
        assert_memory_not_equal(one, other, sizeof one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_seed_are_these),
        cmocka_unit_test(each_kind_compresses_as_real_files_do),
        cmocka_unit_test(blocks_and_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
