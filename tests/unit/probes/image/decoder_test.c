#include "probes/image/decoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/probes/image/press.h"

enum {
    TEXT_BYTES = 200000,
    PACKED_BYTES = 300000
};

static const struct decoder *const decoders[] = { &decoder_zlib, &decoder_isal, &decoder_zstd };

struct coder {
    const struct decoder *decoder;
    void *state;
    uint8_t text[TEXT_BYTES], out[TEXT_BYTES + 64], packed[PACKED_BYTES];
    size_t size; /* of packed */
};

static struct coder *coder(const struct decoder *decoder)
{
    struct coder *c = calloc(1, sizeof *c);
    c->decoder = decoder;
    c->state = decoder->open();
    assert_non_null(c->state);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        c->text[i] = (uint8_t)(i * i % 251 ^ i >> 9);
    return c;
}

static void coder_close(struct coder *c)
{
    c->decoder->release(c->state);
    c->decoder->release(NULL);
    free(c);
}

static void pack(struct coder *c, size_t size, gz_headerp header)
{
    c->size = c->decoder == &decoder_zstd
                  ? press_zstd(c->packed, sizeof c->packed, c->text, size, 0)
                  : press_gzip(c->packed, sizeof c->packed, c->text, size, header);
}

/* So many bytes in, so many out at a time, until the member ends or nothing more happens. */
static enum decoder_answer decode(struct coder *c, size_t in_step, size_t out_step, size_t *out)
{
    struct decoder_io io = { .in = c->packed, .out = c->out };
    enum decoder_answer answer = DECODER_MORE;
    size_t fed = 0;
    bool is_full = false;
    assert_true(c->decoder->start(c->state));
    while (answer == DECODER_MORE && (fed < c->size || io.in_bytes > 0 || is_full)) {
        if (io.in_bytes == 0 && !is_full) {
            io.in_bytes = c->size - fed < in_step ? c->size - fed : in_step;
            fed += io.in_bytes;
        }
        size_t room = sizeof c->out - (size_t)(io.out - c->out);
        io.out_bytes = room < out_step ? room : out_step;
        answer = c->decoder->step(c->state, &io);
        is_full = io.out_bytes == 0;
    }
    *out = (size_t)(io.out - c->out);
    if (answer == DECODER_END)
        assert_int_equal(c->size - fed, 0);
    return answer;
}

struct steps {
    size_t in, out;
};

static void bytes_may_come_and_go_in_any_portions(void **state)
{
    (void)state;
    static const struct steps steps[] = {
        {1,           TEXT_BYTES},
        { TEXT_BYTES, 1         },
        { 1,          1         },
        { 7,          1000      },
        { 1000,       7         },
        { 65536,      131072    },
        { 100000,     4096      },
    };
    for (size_t d = 0; d < sizeof decoders / sizeof *decoders; d++) {
        struct coder *c = coder(decoders[d]);
        pack(c, TEXT_BYTES, NULL);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            size_t out = 0;
            assert_int_equal(decode(c, steps[i].in, steps[i].out, &out), DECODER_END);
            assert_int_equal(out, TEXT_BYTES);
            assert_memory_equal(c->out, c->text, TEXT_BYTES);
            memset(c->out, 0, sizeof c->out);
        }
        coder_close(c);
    }
}

/* With an extra field, a name, a comment and a checksum of its own, cut at every byte. */
static void a_full_gzip_header_may_be_cut_anywhere(void **state)
{
    (void)state;
    static Bytef extra[] = "extra extra extra", name[] = "layer.tar", comment[] = "a comment";
    gz_header header = { .text = 1,
                         .time = 1700000000,
                         .extra = extra,
                         .extra_len = sizeof extra,
                         .name = name,
                         .comment = comment,
                         .hcrc = 1 };
    for (size_t d = 0; d < 2; d++) {
        struct coder *c = coder(decoders[d]);
        pack(c, 500, &header);
        for (size_t step = 1; step < 80; step++) {
            size_t out = 0;
            assert_int_equal(decode(c, step, TEXT_BYTES, &out), DECODER_END);
            assert_int_equal(out, 500);
            assert_memory_equal(c->out, c->text, 500);
        }
        coder_close(c);
    }
}

static void a_header_that_is_wrong_is_refused(void **state)
{
    (void)state;
    static const uint8_t wrong[][4] = {
        {0x1f,  0x8c, 8, 0   }, /* no gzip */
        { 0x1f, 0x8b, 7, 0   }, /* another method */
        { 0x1f, 0x8b, 8, 0x20}, /* flags that mean nothing */
        { 0x1f, 0x8b, 8, 0x80},
    };
    for (size_t d = 0; d < 2; d++) {
        struct coder *c = coder(decoders[d]);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            size_t out = 0;
            pack(c, 500, NULL);
            memcpy(c->packed, wrong[i], sizeof wrong[i]);
            assert_int_equal(decode(c, 100000, TEXT_BYTES, &out), DECODER_BROKEN);
            assert_int_equal(out, 0);
        }
        coder_close(c);
    }
}

/* Where a byte is changed, one gzip decoder sees it exactly when the other does. */
static void both_gzip_decoders_refuse_the_same(void **state)
{
    (void)state;
    struct coder *zlib = coder(&decoder_zlib);
    struct coder *isal = coder(&decoder_isal);
    unsigned refused = 0;
    pack(zlib, 3000, NULL);
    for (size_t i = 0; i < zlib->size; i++) {
        size_t out[2] = { 0 };
        zlib->packed[i] ^= (uint8_t)(1 << i % 8);
        memcpy(isal->packed, zlib->packed, zlib->size);
        isal->size = zlib->size;
        enum decoder_answer by_zlib = decode(zlib, PACKED_BYTES, TEXT_BYTES, &out[0]);
        enum decoder_answer by_isal = decode(isal, PACKED_BYTES, TEXT_BYTES, &out[1]);
        assert_int_equal(by_zlib == DECODER_END, by_isal == DECODER_END);
        refused += by_zlib != DECODER_END;
        zlib->packed[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(refused > zlib->size / 2);
    coder_close(zlib);
    coder_close(isal);
}

static void every_decoder_knows_how_a_member_begins(void **state)
{
    (void)state;
    for (size_t d = 0; d < sizeof decoders / sizeof *decoders; d++) {
        struct coder *c = coder(decoders[d]);
        pack(c, 10, NULL);
        assert_true(c->decoder->begins(c->packed[0]));
        assert_false(c->decoder->begins(0));
        assert_non_null(c->decoder->name);
        assert_non_null(c->decoder->format);
        coder_close(c);
    }
    assert_true(decoder_zstd.begins(0x50) && decoder_zstd.begins(0x5f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_may_come_and_go_in_any_portions),
        cmocka_unit_test(a_full_gzip_header_may_be_cut_anywhere),
        cmocka_unit_test(a_header_that_is_wrong_is_refused),
        cmocka_unit_test(both_gzip_decoders_refuse_the_same),
        cmocka_unit_test(every_decoder_knows_how_a_member_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
