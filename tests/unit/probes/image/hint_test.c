#include "probes/image/hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

static uint64_t of_gzip(uint32_t said, uint64_t packed)
{
    const uint8_t tail[HINT_GZIP_TAIL] = { (uint8_t)said, (uint8_t)(said >> 8),
                                           (uint8_t)(said >> 16), (uint8_t)(said >> 24) };
    return hint_of_gzip(tail, packed);
}

static void a_gzip_trailer_is_believed_where_it_can_be_true(void **state)
{
    (void)state;
    assert_int_equal(of_gzip(3000000, 1000000), 3000000);
    assert_int_equal(of_gzip(1032000000, 1000000), 1032000000); /* as good as gzip can */
    assert_int_equal(of_gzip(1000000, 1000300), 1000000);       /* it does not pack */
    assert_int_equal(of_gzip(0, 20), 0);                        /* an empty stream */
}

static void a_trailer_that_cannot_be_true_is_replaced_by_a_guess(void **state)
{
    (void)state;
    /* The last of several members, or more than 4 GiB. */
    assert_int_equal(of_gzip(0, 1000000), HINT_FACTOR * 1000000);
    assert_int_equal(of_gzip(705032704, UINT64_C(1700000000)), HINT_FACTOR * UINT64_C(1700000000));
    /* More than the format can. */
    assert_int_equal(of_gzip(UINT32_MAX, 1000), HINT_FACTOR * 1000);
}

static void a_zstd_header_is_believed_where_it_has_the_size(void **state)
{
    (void)state;
    static uint8_t zeros[100000];
    uint8_t packed[1000];
    size_t size = ZSTD_compress(packed, sizeof packed, zeros, sizeof zeros, 3);
    assert_false(ZSTD_isError(size));
    assert_int_equal(hint_of_zstd(packed, HINT_ZSTD_HEAD, size), sizeof zeros);
    assert_int_equal(hint_of_zstd(packed, HINT_ZSTD_HEAD, 1000000), HINT_FACTOR * 1000000);
    assert_int_equal(hint_of_zstd((const uint8_t *)"garbage", 7, 1000), HINT_FACTOR * 1000);
    assert_int_equal(hint_of_zstd(packed, 0, 1000), HINT_FACTOR * 1000);
}

static void hostile_sizes_stay_within_the_cap(void **state)
{
    (void)state;
    /* A frame header that claims 2^64 - 3 bytes: RFC 8878 3.1.1.1, eight bytes of content size. */
    const uint8_t frame[HINT_ZSTD_HEAD] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xfd, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
    assert_int_equal(hint_of_zstd(frame, sizeof frame, 1000), HINT_BYTES_MAX);
    assert_int_equal(of_gzip(0, UINT64_MAX), HINT_BYTES_MAX);
    assert_int_equal(hint_of_zstd(frame, 0, UINT64_MAX), HINT_BYTES_MAX);
    const struct stream_source plain = { .fd = -1, .size = UINT64_MAX, .form = STREAM_PLAIN };
    assert_int_equal(hint_of_source(&plain), HINT_BYTES_MAX);
}

static void a_source_is_looked_at_where_it_lies(void **state)
{
    (void)state;
    const char text[] = "12345678gzip\x40\x42\x0f\x00 after";
    int fd = memfd_create("hint", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, sizeof text), sizeof text);
    struct stream_source source = { .fd = fd, .offset = 8, .size = 8, .form = STREAM_GZIP };
    assert_int_equal(hint_of_source(&source), HINT_FACTOR * 8); /* 1000000 of 8 bytes: too good */
    source.offset = 4;
    source.size = 12;
    source.form = STREAM_PLAIN;
    assert_int_equal(hint_of_source(&source), 12);
    source.form = STREAM_ZSTD;
    assert_int_equal(hint_of_source(&source), HINT_FACTOR * 12);
    source.fd = -1;
    assert_int_equal(hint_of_source(&source), HINT_FACTOR * 12);
    source.form = STREAM_GZIP;
    assert_int_equal(hint_of_source(&source), HINT_FACTOR * 12);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gzip_trailer_is_believed_where_it_can_be_true),
        cmocka_unit_test(a_trailer_that_cannot_be_true_is_replaced_by_a_guess),
        cmocka_unit_test(a_zstd_header_is_believed_where_it_has_the_size),
        cmocka_unit_test(hostile_sizes_stay_within_the_cap),
        cmocka_unit_test(a_source_is_looked_at_where_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
