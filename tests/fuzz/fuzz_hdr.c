/*
 * hdr_decode on hostile text. The first byte chooses: even, the rest is the text itself; odd, the
 * rest is packed first and its length put right, so that the counts are reached without guessing a
 * checksum.
 */
#include <nettle/base64.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/hdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SIZE_MAX_BYTES = 4096,
    HEAD_BYTES = 40,
    PACKED_ROOM = SIZE_MAX_BYTES + 1024
};

static void pack(const uint8_t *given, size_t size, struct buf *text)
{
    uint8_t plain[SIZE_MAX_BYTES];
    uint8_t packed[PACKED_ROOM] = { 0x1c, 0x84, 0x93, 0x14 };
    char text64[BASE64_ENCODE_RAW_LENGTH(PACKED_ROOM)];
    uLongf n = sizeof(packed) - 8;
    memcpy(plain, given, size);
    if (size >= HEAD_BYTES) {
        plain[6] = (uint8_t)((size - HEAD_BYTES) >> 8);
        plain[7] = (uint8_t)(size - HEAD_BYTES);
    }
    if (compress2(packed + 8, &n, plain, size, 0) != Z_OK) {
        return;
    }
    packed[6] = (uint8_t)(n >> 8);
    packed[7] = (uint8_t)n;
    base64_encode_raw(text64, n + 8, packed);
    buf_add(text, text64, BASE64_ENCODE_RAW_LENGTH(n + 8));
}

/* What was read is written and read again: the same counts. */
static void check(const struct hist *h)
{
    AUTO(buf) struct buf text = { 0 };
    struct hist again;
    struct err e;
    if (hdr_encode(h, &text, &e) != 0 || hdr_decode(buf_text(&text), &again, &e) != 0 ||
        again.size != h->size || again.total != h->total ||
        (h->size && memcmp(again.counts, h->counts, h->size * sizeof(h->counts[0])) != 0) ||
        hist_quantile(h, 0.5) > h->max) {
        abort();
    }
    hist_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    struct hist h;
    struct err e;
    if (size < 1 || size > SIZE_MAX_BYTES) {
        return 0;
    }
    if (data[0] & 1) {
        pack(data + 1, size - 1, &text);
    } else {
        buf_add(&text, data + 1, size - 1);
    }
    if (hdr_decode(buf_text(&text), &h, &e) == 0) {
        check(&h);
        hist_release(&h);
    }
    return 0;
}
