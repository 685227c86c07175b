#include "probes/image/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include <cmocka.h>

#include "tests/unit/probes/image/crate.h"

enum {
    TEXT_BYTES = 300000
};

static char text[TEXT_BYTES];

struct tap {
    struct stream stream;
    uint8_t packed[TEXT_BYTES];
    size_t size; /* of packed */
    struct err e;
};

/* Appends one gzip member that holds the first size bytes of the text. */
static void add_member(struct tap *t, size_t size)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (const Bytef *)text;
    z.avail_in = (uInt)size;
    z.next_out = t->packed + t->size;
    z.avail_out = (uInt)(sizeof t->packed - t->size);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    t->size = sizeof t->packed - z.avail_out;
    (void)deflateEnd(&z);
}

static struct tap *tap(void)
{
    struct tap *t = calloc(1, sizeof *t);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + i * i / 7 % 23);
    assert_int_equal(stream_open(&t->stream, &t->e), 0);
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
    struct stream_source source = { .fd = memfd_create("tap", MFD_CLOEXEC),
                                    .size = t->size,
                                    .offset = before };
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
    t->packed[t->size - 1] = 0x1f; /* looks like another member and is none */
    assert_int_equal(read_all(t, &all), -1);
    tap_close(t);
}

static void a_wrong_checksum_is_found(void **state)
{
    (void)state;
    struct tap *t = tap();
    size_t all = 0;
    add_member(t, 1000);
    t->packed[t->size - 8] ^= 1;
    assert_int_equal(read_all(t, &all), -1);
    assert_int_equal(t->e.kind, ERR_DATA);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_come_out_one_after_the_other),
        cmocka_unit_test(a_stream_may_lie_within_a_file),
        cmocka_unit_test(every_truncation_is_found),
        cmocka_unit_test(garbage_behind_the_end_is_found),
        cmocka_unit_test(a_wrong_checksum_is_found),
        cmocka_unit_test(more_than_allowed_is_a_bomb),
        cmocka_unit_test(plain_bytes_come_out_as_they_are),
        cmocka_unit_test(a_file_that_is_shorter_than_said_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
