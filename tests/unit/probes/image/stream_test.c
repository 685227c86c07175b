#include "probes/image/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"
#include "tests/unit/probes/image/press.h"

enum {
    TEXT_BYTES = 300000
};

static char text[TEXT_BYTES];

/* What a group of tests is run with: each format by each of its decoders. */
struct way {
    enum stream_form form;
    enum stream_decoder gzip_by;
};

static struct way way;

struct tap {
    struct stream stream;
    uint8_t packed[TEXT_BYTES];
    size_t size; /* of packed */
    struct err e;
};

/* Appends one gzip member or zstd frame that holds the first size bytes of the text. */
static void add_member(struct tap *t, size_t size)
{
    uint8_t *to = t->packed + t->size;
    size_t room = sizeof t->packed - t->size;
    t->size += way.form == STREAM_GZIP ? press_gzip(to, room, text, size, NULL)
                                       : press_zstd(to, room, text, size, 0);
}

static struct tap *tap(void)
{
    struct tap *t = calloc(1, sizeof *t);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + i * i / 7 % 23);
    assert_int_equal(stream_open(&t->stream, &t->e), 0);
    stream_use(&t->stream, way.gzip_by);
    return t;
}

static void tap_close(struct tap *t)
{
    stream_release(&t->stream);
    stream_release(&t->stream); /* may be called again */
    free(t);
}

/* Reads to the end: how many bytes came, and whether they are the text again and again. */
static int drain(struct tap *t, const struct stream_source *source, uint64_t out_max, size_t *all)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    *all = 0;
    assert_int_equal(stream_start(&t->stream, source, out_max, &t->e), 0);
    do {
        if (stream_read(&t->stream, &bytes, &size, &t->e))
            return -1;
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], text[(*all + i) % TEXT_BYTES]);
        *all += size;
    } while (size > 0);
    return 0;
}

/* The packed bytes as a file, with so many bytes of something else before them. */
static struct stream_source as_file(const struct tap *t, size_t before)
{
    struct stream_source source = {
        .fd = memfd_create("tap", MFD_CLOEXEC), .size = t->size, .offset = before, .form = way.form
    };
    assert_int_equal(pwrite(source.fd, t->packed, t->size, (off_t)before), t->size);
    return source;
}

static int read_all(struct tap *t, size_t *all)
{
    struct stream_source source = as_file(t, 0);
    int status = drain(t, &source, UINT64_MAX, all);
    (void)close(source.fd);
    return status;
}

static void all_members_come_out_one_after_the_other(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, TEXT_BYTES);
    add_member(t, 0);
    add_member(t, TEXT_BYTES);
    assert_int_equal(read_all(t, &all), 0);
    assert_int_equal(all, 2 * TEXT_BYTES);
    assert_int_equal(read_all(t, &all), 0); /* and again through the same buffers */
    assert_int_equal(all, 2 * TEXT_BYTES);
    tap_close(t);
}

static void a_stream_may_lie_within_a_file(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, TEXT_BYTES);
    struct stream_source source = as_file(t, 12345);
    assert_int_equal(ftruncate(source.fd, 1 << 20), 0); /* and something behind it */
    assert_int_equal(drain(t, &source, UINT64_MAX, &all), 0);
    assert_int_equal(all, TEXT_BYTES);
    (void)close(source.fd);
    tap_close(t);
}

static void every_truncation_is_found(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, 20000);
    size_t whole = t->size;
    for (t->size = 0; t->size < whole; t->size += t->size < 24 || t->size + 24 > whole ? 1 : 97) {
        assert_int_equal(read_all(t, &all), -1);
        assert_int_equal(t->e.kind, ERR_DATA);
    }
    t->size = whole;
    assert_int_equal(read_all(t, &all), 0);
    tap_close(t);
}

static void garbage_behind_the_end_is_found(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, 1000);
    t->packed[t->size++] = 'x';
    assert_int_equal(read_all(t, &all), -1);
    assert_non_null(strstr(t->e.msg, "garbage"));
    t->packed[t->size - 1] = t->packed[0]; /* looks like another member and is none */
    assert_int_equal(read_all(t, &all), -1);
    memset(t->packed + t->size, 'x', 32);
    t->size += 32;
    assert_int_equal(read_all(t, &all), -1);
    tap_close(t);
}

static void a_wrong_checksum_is_found(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, 1000);
    for (size_t back = 1; back <= 4; back++) {
        t->packed[t->size - back] ^= 1;
        assert_int_equal(read_all(t, &all), -1);
        assert_int_equal(t->e.kind, ERR_DATA);
        t->packed[t->size - back] ^= 1;
    }
    assert_int_equal(read_all(t, &all), 0);
    tap_close(t);
}

static void more_than_allowed_is_a_bomb(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, TEXT_BYTES);
    struct stream_source source = as_file(t, 0);
    assert_int_equal(drain(t, &source, TEXT_BYTES, &all), 0);
    assert_int_equal(drain(t, &source, TEXT_BYTES - 1, &all), -1);
    assert_int_equal(t->e.kind, ERR_DATA);
    (void)close(source.fd);
    tap_close(t);
}

/* Whatever lies between two reads: a header, a block, the checksum, the member's end. */
static void members_may_end_anywhere_in_the_input(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    size_t members = 0;
    while (t->size < 3 * STREAM_IN_BYTES && t->size + 4096 < sizeof t->packed) {
        add_member(t, 1 + members++ % 700);
    }
    size_t wanted = 0;
    for (size_t i = 0; i < members; i++)
        wanted += 1 + i % 700;
    struct stream_source source = as_file(t, 0);
    assert_int_equal(stream_start(&t->stream, &source, UINT64_MAX, &t->e), 0);
    const uint8_t *bytes = NULL;
    size_t size = 0;
    do {
        assert_int_equal(stream_read(&t->stream, &bytes, &size, &t->e), 0);
        all += size;
    } while (size > 0);
    assert_int_equal(all, wanted);
    (void)close(source.fd);
    tap_close(t);
}

/* Zeros of about two outputs: the input is used up while the decoder still has some to give. */
static void what_a_decoder_holds_back_comes_out(void **state)
{
    (void)state;
    struct tap *t = tap();
    uint8_t *zeros = calloc(1, 3 * STREAM_OUT_BYTES);
    const uint8_t *bytes = NULL;
    assert_non_null(zeros);
    for (size_t wanted = 2 * STREAM_OUT_BYTES - 20; wanted < 2 * STREAM_OUT_BYTES + 600; wanted++) {
        t->size = way.form == STREAM_GZIP
                      ? press_gzip(t->packed, sizeof t->packed, zeros, wanted, NULL)
                      : ZSTD_compress(t->packed, sizeof t->packed, zeros, wanted, 1);
        struct stream_source source = as_file(t, 0);
        size_t all = 0;
        size_t size = 0;
        assert_int_equal(stream_start(&t->stream, &source, UINT64_MAX, &t->e), 0);
        do {
            if (stream_read(&t->stream, &bytes, &size, &t->e))
                fail_msg("%zu bytes: %s", wanted, t->e.msg);
            all += size;
        } while (size > 0);
        assert_int_equal(all, wanted);
        (void)close(source.fd);
    }
    free(zeros);
    tap_close(t);
}

static void the_stored_bytes_can_be_hashed(void **state)
{
    (void)state;
    struct tap *t = tap();
    struct sha256_ctx stored;
    struct sha256_ctx wanted;
    uint8_t digests[2][SHA256_DIGEST_SIZE];
    size_t all = 0;
    add_member(t, TEXT_BYTES);
    sha256_init(&stored);
    sha256_init(&wanted);
    t->stream.stored = &stored;
    assert_int_equal(read_all(t, &all), 0);
    sha256_update(&wanted, t->size, t->packed);
    sha256_digest(&stored, sizeof digests[0], digests[0]);
    sha256_digest(&wanted, sizeof digests[1], digests[1]);
    assert_memory_equal(digests[0], digests[1], sizeof digests[0]);
    tap_close(t);
}

static void an_empty_file_is_no_packed_stream(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    assert_int_equal(read_all(t, &all), -1);
    assert_non_null(strstr(t->e.msg, "truncated"));
    tap_close(t);
}

static void frames_that_are_to_be_skipped_are_skipped(void **state)
{
    (void)state;
    static const uint8_t skipped[] = { 0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c' };
    struct tap *t = tap();
    size_t all = 0;
    memcpy(t->packed, skipped, sizeof skipped);
    t->size = sizeof skipped;
    assert_int_equal(read_all(t, &all), 0);
    assert_int_equal(all, 0);
    add_member(t, TEXT_BYTES);
    memcpy(t->packed + t->size, skipped, sizeof skipped);
    t->size += sizeof skipped;
    assert_int_equal(read_all(t, &all), 0);
    assert_int_equal(all, TEXT_BYTES);
    t->size--;
    assert_int_equal(read_all(t, &all), -1);
    assert_non_null(strstr(t->e.msg, "truncated"));
    tap_close(t);
}

/* A frame header that asks for so large a window, and nothing else: RFC 8878 3.1.1.1. */
static void a_window_up_to_the_limit_is_taken(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    static const uint8_t header[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00 };
    static const uint8_t last_empty_raw_block[] = { 0x01, 0x00, 0x00 };
    for (unsigned log = DECODER_WINDOW_LOG; log <= DECODER_WINDOW_LOG + 1; log++) {
        memcpy(t->packed, header, sizeof header);
        t->packed[sizeof header] = (uint8_t)((log - 10) << 3);
        memcpy(t->packed + sizeof header + 1, last_empty_raw_block, sizeof last_empty_raw_block);
        t->size = sizeof header + 1 + sizeof last_empty_raw_block;
        assert_int_equal(read_all(t, &all), log == DECODER_WINDOW_LOG ? 0 : -1);
    }
    assert_int_equal(t->e.kind, ERR_DATA);
    assert_non_null(strstr(t->e.msg, "memory"));
    tap_close(t);
}

static void plain_bytes_come_out_as_they_are(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    memcpy(t->packed, text, TEXT_BYTES);
    t->size = TEXT_BYTES;
    struct stream_source source = as_file(t, 0);
    source.form = STREAM_PLAIN;
    assert_int_equal(drain(t, &source, UINT64_MAX, &all), 0);
    assert_int_equal(all, TEXT_BYTES);
    (void)close(source.fd);
    tap_close(t);
}

static void a_file_that_is_shorter_than_said_is_found(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, 1000);
    struct stream_source source = as_file(t, 0);
    source.size += 10;
    assert_int_equal(drain(t, &source, UINT64_MAX, &all), -1);
    assert_int_equal(t->e.kind, ERR_DATA);
    (void)close(source.fd);
    assert_int_equal(drain(t, &source, UINT64_MAX, &all), -1);
    assert_int_equal(t->e.sys, EBADF);
    tap_close(t);
}

#define OF_EVERY_WAY                                                                               \
    cmocka_unit_test(all_members_come_out_one_after_the_other),                                    \
        cmocka_unit_test(members_may_end_anywhere_in_the_input),                                   \
        cmocka_unit_test(a_stream_may_lie_within_a_file),                                          \
        cmocka_unit_test(every_truncation_is_found),                                               \
        cmocka_unit_test(garbage_behind_the_end_is_found),                                         \
        cmocka_unit_test(a_wrong_checksum_is_found),                                               \
        cmocka_unit_test(more_than_allowed_is_a_bomb),                                             \
        cmocka_unit_test(the_stored_bytes_can_be_hashed),                                          \
        cmocka_unit_test(what_a_decoder_holds_back_comes_out),                                     \
        cmocka_unit_test(an_empty_file_is_no_packed_stream),                                       \
        cmocka_unit_test(a_file_that_is_shorter_than_said_is_found)

int main(void)
{
    const struct CMUnitTest gzip[] = { OF_EVERY_WAY };
    const struct CMUnitTest zstd[] = {
        OF_EVERY_WAY,
        cmocka_unit_test(frames_that_are_to_be_skipped_are_skipped),
        cmocka_unit_test(a_window_up_to_the_limit_is_taken),
    };
    const struct CMUnitTest plain[] = { cmocka_unit_test(plain_bytes_come_out_as_they_are) };
    way = (struct way){ STREAM_GZIP, STREAM_BY_ZLIB };
    int failed = cmocka_run_group_tests_name("gzip by zlib", gzip, NULL, NULL);
    failed += cmocka_run_group_tests_name("plain", plain, NULL, NULL);
    way.gzip_by = STREAM_BY_ISAL;
    failed += cmocka_run_group_tests_name("gzip by ISA-L", gzip, NULL, NULL);
    way = (struct way){ STREAM_ZSTD, STREAM_BY_ZLIB };
    failed += cmocka_run_group_tests_name("zstd", zstd, NULL, NULL);
    return failed;
}
