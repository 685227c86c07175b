#include "probes/kit/hdr.h"

#include <endian.h>
#include <fcntl.h>
#include <math.h>
#include <nettle/base64.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/prng.h"

static const uint64_t usual_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;

enum {
    HEAD_BYTES = 40,
    OUTER_BYTES = 8,
    AT_LENGTH = 4,
    AT_OFFSET = 8,
    AT_DIGITS = 12,
    AT_LOWEST = 16,
    AT_HIGHEST = 24,
    AT_RATIO = 32,
    PLAIN_ROOM = 1 << 20
};

static struct hist opened(uint64_t value_max)
{
    struct hist h;
    struct err e;
    assert_int_equal(hist_open(&h, value_max, &e), 0);
    return h;
}

/* What the fixtures were made of; their texts were written by HdrHistogram_c 0.11.10. */
static struct hist made(const char *name)
{
    struct hist h = opened(strcmp(name, "scattered") == 0 ? UINT64_C(1) << 30 : usual_max);
    uint64_t power = 1;
    uint64_t count = 1;
    for (uint64_t v = 1; strcmp(name, "linear") == 0 && v <= 3000; v++) {
        hist_record(&h, v);
    }
    for (int k = 0; strcmp(name, "powers") == 0 && k < 26; k++) {
        hist_record_n(&h, power, count);
        power *= 3;
        count = k % 16 == 15 ? 1 : count * 10;
    }
    for (uint64_t i = 1; strcmp(name, "scattered") == 0 && i <= 400; i++) {
        hist_record_n(&h, i * i * i * 977 % 1000000000, i % 7 + 1);
    }
    if (strcmp(name, "edges") == 0) {
        hist_record_n(&h, 0, 1);
        hist_record_n(&h, 2047, 2);
        hist_record_n(&h, 2048, 3);
        hist_record_n(&h, usual_max, 4);
    }
    return h;
}

static const char *const names[] = { "empty", "linear", "powers", "edges", "scattered" };

static void read_fixture(const char *name, char *text, size_t size)
{
    char path[128];
    struct err e;
    (void)snprintf(path, sizeof(path), "tests/unit/probes/kit/fixtures/hdr-%s.txt", name);
    if (file_line_at(AT_FDCWD, path, text, size, &e) != 0) {
        fail_msg("%s (run from the root of the sources)", e.msg);
    }
}

static void assert_same_counts(const struct hist *a, const struct hist *b)
{
    assert_true(a->value_max == b->value_max);
    for (uint32_t i = 0; i <= hist_index(a->value_max); i++) {
        assert_true(hist_count(a, i) == hist_count(b, i));
    }
    assert_true(a->total == b->total);
}

static void reads_what_another_implementation_wrote(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[4096];
        struct hist want = made(names[i]);
        struct hist got;
        struct err e;
        read_fixture(names[i], text, sizeof(text));
        assert_int_equal(hdr_decode(text, &got, &e), 0);
        assert_same_counts(&got, &want);
        assert_true(got.value_max == want.value_max);
        hist_release(&got);
        hist_release(&want);
    }
}

/* The bytes before compression, which are the same whatever zlib makes of them. */
static size_t unpacked(const char *text, unsigned char *plain)
{
    uint8_t packed[8192];
    size_t size = sizeof(packed);
    uLongf plain_size = PLAIN_ROOM;
    struct base64_decode_ctx ctx;
    assert_true(BASE64_DECODE_LENGTH(strlen(text)) <= sizeof(packed));
    base64_decode_init(&ctx);
    assert_true(base64_decode_update(&ctx, &size, packed, strlen(text), text));
    assert_int_equal(uncompress(plain, &plain_size, packed + OUTER_BYTES, size - OUTER_BYTES), 0);
    return plain_size;
}

static void writes_what_another_implementation_writes(void **state)
{
    (void)state;
    static unsigned char ours[PLAIN_ROOM];
    static unsigned char theirs[PLAIN_ROOM];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[4096];
        AUTO(buf) struct buf out = { 0 };
        struct hist h = made(names[i]);
        struct err e;
        read_fixture(names[i], text, sizeof(text));
        assert_int_equal(hdr_encode(&h, &out, &e), 0);
        size_t size = unpacked(text, theirs);
        assert_int_equal(unpacked(buf_text(&out), ours), size);
        assert_memory_equal(ours, theirs, size);
        hist_release(&h);
    }
}

static void text_begins_as_tools_expect(void **state)
{
    (void)state;
    AUTO(buf) struct buf out = { 0 };
    struct hist h = made("linear");
    struct err e;
    buf_adds(&out, "before ");
    assert_int_equal(hdr_encode(&h, &out, &e), 0);
    assert_memory_equal(buf_text(&out), "before HISTFAAA", strlen("before HISTFAAA"));
    hist_release(&h);
}

static void decode_of_encode_is_the_histogram(void **state)
{
    (void)state;
    const char *given = getenv("PLIMSOLL_SEED"); // NOLINT(concurrency-mt-unsafe)
    uint64_t seed = given ? strtoull(given, NULL, 10) : prng_entropy();
    struct prng prng;
    print_message("PLIMSOLL_SEED=%llu\n", (unsigned long long)seed);
    prng_init(&prng, seed);
    for (int round = 0; round < 60; round++) {
        AUTO(buf) struct buf text = { 0 };
        struct hist back;
        struct err e;
        uint64_t value_max = UINT64_C(2) << prng_below(&prng, 47);
        struct hist h = opened(value_max);
        for (uint64_t n = prng_below(&prng, 2000); n > 0; n--) {
            uint64_t value = (uint64_t)pow((double)value_max, prng_unit(&prng));
            hist_record_n(&h, value, 1 + prng_below(&prng, UINT64_C(1) << prng_below(&prng, 50)));
        }
        assert_int_equal(hdr_encode(&h, &text, &e), 0);
        assert_int_equal(hdr_decode(buf_text(&text), &back, &e), 0);
        assert_same_counts(&back, &h);
        if (h.total > 0) {
            assert_true(hist_index(back.min) == hist_index(h.min));
            assert_true(hist_index(back.max) == hist_index(h.max));
            assert_true(fabs(back.sum - h.sum) <= h.sum / 1024);
        }
        hist_release(&h);
        hist_release(&back);
    }
}

static void put64(unsigned char *at, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(at, &big, sizeof(big));
}

static void put32(unsigned char *at, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(at, &big, sizeof(big));
}

/* A right head for `payload` bytes of counts. */
static void put_head(unsigned char *plain, uint32_t payload)
{
    memset(plain, 0, HEAD_BYTES);
    put32(plain, 0x1c849313);
    put32(plain + AT_LENGTH, payload);
    put32(plain + AT_DIGITS, 3);
    put64(plain + AT_LOWEST, 1);
    put64(plain + AT_HIGHEST, 4096);
    put64(plain + AT_RATIO, UINT64_C(0x3ff0000000000000));
}

/* Packs some bytes as a text and expects that it is refused with that reason, or taken (NULL). */
static void expect(const unsigned char *plain, size_t size, const char *reason)
{
    struct hist h;
    struct err e;
    uLongf packed_size = compressBound(size);
    unsigned char *packed = malloc(OUTER_BYTES + packed_size);
    char *text = malloc(BASE64_ENCODE_RAW_LENGTH(OUTER_BYTES + packed_size) + 1);
    assert_non_null(packed);
    assert_non_null(text);
    assert_int_equal(compress(packed + OUTER_BYTES, &packed_size, plain, size), Z_OK);
    put32(packed, 0x1c849314);
    put32(packed + 4, (uint32_t)packed_size);
    base64_encode_raw(text, OUTER_BYTES + packed_size, packed);
    text[BASE64_ENCODE_RAW_LENGTH(OUTER_BYTES + packed_size)] = '\0';
    int failed = hdr_decode(text, &h, &e);
    if (reason) {
        assert_int_equal(failed, -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_non_null(strstr(e.msg, reason));
        assert_null(h.counts);
    }
    assert_true(reason || !failed);
    hist_release(&h);
    free(packed);
    free(text);
}

static void foreign_parameters_are_refused(void **state)
{
    (void)state;
    unsigned char plain[HEAD_BYTES + 1] = { 0 };
    put_head(plain, 1);
    expect(plain, sizeof(plain), NULL);
    put32(plain, 0x1c849301);
    expect(plain, sizeof(plain), "V2");
    put_head(plain, 1);
    put32(plain + AT_DIGITS, 2);
    expect(plain, sizeof(plain), "parameters");
    put_head(plain, 1);
    put32(plain + AT_OFFSET, 1);
    expect(plain, sizeof(plain), "parameters");
    put_head(plain, 1);
    put64(plain + AT_LOWEST, 1000);
    expect(plain, sizeof(plain), "parameters");
    put_head(plain, 1);
    put64(plain + AT_RATIO, 0);
    expect(plain, sizeof(plain), "parameters");
    put_head(plain, 2);
    expect(plain, sizeof(plain), "length");
    put_head(plain, 1);
    put64(plain + AT_HIGHEST, UINT64_C(1) << 62);
    expect(plain, sizeof(plain), "range");
    put64(plain + AT_HIGHEST, 1);
    expect(plain, sizeof(plain), "range");
    expect(plain, HEAD_BYTES - 1, "cut short");
}

/* ZigZag of a run of n empty counts. */
static size_t put_run(unsigned char *at, uint64_t n)
{
    size_t size = 0;
    uint64_t zigzag = 2 * n - 1;
    for (; zigzag > 0x7f && size < 8; zigzag >>= 7) {
        at[size++] = (unsigned char)(zigzag | 0x80);
    }
    at[size++] = (unsigned char)zigzag;
    return size;
}

static void counts_beyond_the_range_are_refused(void **state)
{
    (void)state;
    unsigned char plain[HEAD_BYTES + 32];
    uint32_t size = hist_index(4096) + 1;
    size_t n = put_run(plain + HEAD_BYTES, size - 1);
    plain[HEAD_BYTES + n] = 2; /* one value in the last bucket */
    put_head(plain, (uint32_t)n + 1);
    expect(plain, HEAD_BYTES + n + 1, NULL);
    plain[HEAD_BYTES + n + 1] = 2; /* and one beyond */
    put_head(plain, (uint32_t)n + 2);
    expect(plain, HEAD_BYTES + n + 2, "more counts");
    n = put_run(plain + HEAD_BYTES, size);
    put_head(plain, (uint32_t)n);
    expect(plain, HEAD_BYTES + n, NULL);
    n = put_run(plain + HEAD_BYTES, size + 1);
    put_head(plain, (uint32_t)n);
    expect(plain, HEAD_BYTES + n, "run of empty counts");
    n = put_run(plain + HEAD_BYTES, UINT64_C(1) << 63);
    put_head(plain, (uint32_t)n);
    expect(plain, HEAD_BYTES + n, "run of empty counts");
}

static void counts_that_overflow_are_refused(void **state)
{
    (void)state;
    unsigned char plain[HEAD_BYTES + 18];
    memset(plain, 0xff, sizeof(plain)); /* 2^63 - 1, when the lowest bit of the ZigZag is 0 */
    plain[HEAD_BYTES] = plain[HEAD_BYTES + 9] = 0xfe;
    put_head(plain, 9);
    expect(plain, HEAD_BYTES + 9, NULL);
    put_head(plain, 18);
    expect(plain, HEAD_BYTES + 18, "overflow");
}

static void number_that_does_not_end_is_refused(void **state)
{
    (void)state;
    unsigned char plain[HEAD_BYTES + 3] = { 0 };
    put_head(plain, 3);
    memset(plain + HEAD_BYTES, 0x80, 3);
    expect(plain, sizeof(plain), "cut short");
}

static void bomb_is_refused(void **state)
{
    (void)state;
    static unsigned char plain[PLAIN_ROOM];
    put_head(plain, PLAIN_ROOM - HEAD_BYTES);
    expect(plain, sizeof(plain), "larger than any histogram");
}

static void every_cut_of_a_good_text_is_refused(void **state)
{
    (void)state;
    char text[4096];
    read_fixture("scattered", text, sizeof(text));
    for (size_t n = strlen(text); n > 0; n--) {
        struct hist h;
        struct err e;
        text[n - 1] = '\0';
        assert_int_equal(hdr_decode(text, &h, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
        assert_null(h.counts);
    }
}

static void what_is_no_histogram_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "HISTFAAA", "not base64!", "AAAAAAAAAAAAAAAA",
                                         "\xff" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct hist h;
        struct err e;
        assert_int_equal(hdr_decode(texts[i], &h, &e), -1);
        assert_int_equal(e.kind, ERR_DATA);
    }
    size_t size = 1 << 20;
    char *text = malloc(size + 1);
    struct hist h;
    struct err e;
    assert_non_null(text);
    memset(text, 'A', size);
    text[size] = '\0';
    assert_int_equal(hdr_decode(text, &h, &e), -1);
    assert_non_null(strstr(e.msg, "longer than any"));
    free(text);
}

static void full_buffer_is_an_error(void **state)
{
    (void)state;
    AUTO(buf) struct buf text = { .cap = 20 };
    struct hist h = made("scattered");
    struct err e;
    assert_int_equal(hdr_encode(&h, &text, &e), -1);
    assert_int_equal(e.kind, ERR_NO_RESOURCE);
    hist_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_another_implementation_wrote),
        cmocka_unit_test(writes_what_another_implementation_writes),
        cmocka_unit_test(text_begins_as_tools_expect),
        cmocka_unit_test(decode_of_encode_is_the_histogram),
        cmocka_unit_test(foreign_parameters_are_refused),
        cmocka_unit_test(counts_beyond_the_range_are_refused),
        cmocka_unit_test(counts_that_overflow_are_refused),
        cmocka_unit_test(number_that_does_not_end_is_refused),
        cmocka_unit_test(bomb_is_refused),
        cmocka_unit_test(every_cut_of_a_good_text_is_refused),
        cmocka_unit_test(what_is_no_histogram_is_refused),
        cmocka_unit_test(full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
