#include "probes/kit/hdr.h"

#include <endian.h>
#include <nettle/base64.h>
#include <string.h>
#include <zlib.h>

#include "probes/kit/auto.h"

enum {
    HDR_COOKIE = 0x1c849303 | 0x10,
    HDR_COOKIE_COMPRESSED = 0x1c849304 | 0x10,
    HDR_HEAD_BYTES = 40, /* cookie, payload, offset, digits, lowest, highest, ratio */
    HDR_OUTER_BYTES = 8,
    HDR_LEB_BYTES_MAX = 9,
    HDR_RANGE_MIN = 2,   /* of HdrHistogram: twice the lowest value */
    HDR_RANGE_BITS = 48, /* three days in ns; a wider one only serves to waste memory */
    /* No histogram of that range has more counts than this, nine bytes each. */
    HDR_COUNTS_MAX = (HDR_RANGE_BITS - HIST_SUB_HALF_BITS + 2) * HIST_SUB_HALF,
    HDR_PLAIN_MAX = HDR_HEAD_BYTES + HDR_LEB_BYTES_MAX * HDR_COUNTS_MAX,
    HDR_TEXT_MAX = 2 * HDR_PLAIN_MAX, /* base64 adds a third; what does not compress, little */
    HDR_PIECE_BYTES = 3072 /* a multiple of 3 and 4: base64 pieces join without padding */
};

static const uint64_t hdr_one = UINT64_C(0x3ff0000000000000); /* 1.0 as IEEE 754 */

static void hdr_put32(struct buf *b, uint32_t value)
{
    uint32_t big = htobe32(value);
    buf_add(b, &big, sizeof big);
}

static void hdr_put64(struct buf *b, uint64_t value)
{
    uint64_t big = htobe64(value);
    buf_add(b, &big, sizeof big);
}

static uint32_t hdr_get32(const unsigned char *at)
{
    uint32_t big = 0;
    memcpy(&big, at, sizeof big);
    return be32toh(big);
}

static uint64_t hdr_get64(const unsigned char *at)
{
    uint64_t big = 0;
    memcpy(&big, at, sizeof big);
    return be64toh(big);
}

/* ZigZag, then seven bits a byte; the ninth byte holds eight. */
static void hdr_put_leb(struct buf *b, int64_t value)
{
    uint64_t zigzag = value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1;
    for (unsigned i = 0; i < HDR_LEB_BYTES_MAX - 1; i++) {
        unsigned char byte = zigzag & 0x7f;
        zigzag >>= 7;
        if (zigzag) {
            byte |= 0x80;
        }
        buf_add(b, &byte, 1);
        if (!zigzag) {
            return;
        }
    }
    unsigned char last = (unsigned char)zigzag;
    buf_add(b, &last, 1);
}

/* Bytes taken, 0 when the number is cut short. */
static size_t hdr_get_leb(const unsigned char *at, size_t left, int64_t *value)
{
    uint64_t zigzag = 0;
    for (size_t i = 0; i < HDR_LEB_BYTES_MAX && i < left; i++) {
        bool last = i == HDR_LEB_BYTES_MAX - 1;
        zigzag |= (uint64_t)(last ? at[i] : at[i] & 0x7f) << (7 * i);
        if (last || !(at[i] & 0x80)) {
            *value = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return i + 1;
        }
    }
    return 0;
}

/* At least one, if it is 0: HdrHistogram_c takes a payload of none for a damaged one. */
static void hdr_put_counts(const struct hist *h, struct buf *b)
{
    uint32_t first = hist_first(h);
    uint32_t used = hist_last(h) + 1;
    if (h->total == 0) {
        hdr_put_leb(b, -1);
        return;
    }
    if (first > 0) {
        hdr_put_leb(b, -(int64_t)first);
    }
    for (uint32_t i = first; i < used;) {
        uint32_t run = 0;
        while (i + run < used && hist_count(h, i + run) == 0) {
            run++;
        }
        hdr_put_leb(b, run ? -(int64_t)run : (int64_t)hist_count(h, i));
        i += run ? run : 1;
    }
}

static void hdr_plain(const struct hist *h, struct buf *plain)
{
    AUTO(buf) struct buf counts = { 0 };
    hdr_put_counts(h, &counts);
    hdr_put32(plain, HDR_COOKIE);
    hdr_put32(plain, (uint32_t)counts.size);
    hdr_put32(plain, 0); /* normalising index offset */
    hdr_put32(plain, HIST_DIGITS);
    hdr_put64(plain, 1); /* lowest discernible value */
    hdr_put64(plain, h->value_max);
    hdr_put64(plain, hdr_one);
    buf_add(plain, buf_text(&counts), counts.size);
    plain->failed = plain->failed || counts.failed;
}

/* Appends size bytes in base64. */
static void hdr_put_base64(const unsigned char *bytes, size_t size, struct buf *text)
{
    char piece[BASE64_ENCODE_RAW_LENGTH(HDR_PIECE_BYTES)];
    for (size_t at = 0; at < size; at += HDR_PIECE_BYTES) {
        size_t n = size - at < HDR_PIECE_BYTES ? size - at : HDR_PIECE_BYTES;
        base64_encode_raw(piece, n, bytes + at);
        buf_add(text, piece, BASE64_ENCODE_RAW_LENGTH(n));
    }
}

/* Appends the zlib stream of some text. */
static int hdr_deflate(const struct buf *plain, struct buf *packed)
{
    unsigned char piece[HDR_PIECE_BYTES];
    unsigned char *bytes = (unsigned char *)plain->data;
    z_stream z = { .next_in = bytes, .avail_in = (uInt)plain->size };
    if (deflateInit(&z, Z_BEST_COMPRESSION) != Z_OK) {
        return -1;
    }
    int state = Z_OK;
    while (state == Z_OK) {
        z.next_out = piece;
        z.avail_out = sizeof(piece);
        state = deflate(&z, Z_FINISH);
        buf_add(packed, piece, sizeof(piece) - z.avail_out);
    }
    (void)deflateEnd(&z);
    return state == Z_STREAM_END ? 0 : -1;
}

int hdr_encode(const struct hist *h, struct buf *text, struct err *e)
{
    AUTO(buf) struct buf plain = { 0 };
    AUTO(buf) struct buf packed = { 0 };
    AUTO(buf) struct buf whole = { 0 };
    hdr_plain(h, &plain);
    if (plain.failed || hdr_deflate(&plain, &packed) != 0) {
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to compress a histogram");
    }
    hdr_put32(&whole, HDR_COOKIE_COMPRESSED);
    hdr_put32(&whole, (uint32_t)packed.size);
    buf_add(&whole, packed.data, packed.size);
    hdr_put_base64((const unsigned char *)buf_text(&whole), whole.size, text);
    if (packed.failed || whole.failed || text->failed) {
        return err_set(e, ERR_NO_RESOURCE, 0, "no room to encode a histogram");
    }
    return 0;
}

static int hdr_refuse(const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, 0, "histogram: %s", why);
}

/* Of a histogram without room yet the counts are summed up, and then put into it. */
static void hdr_put_count(struct hist *h, uint32_t index, uint64_t count)
{
    uint64_t low = hist_lowest(index);
    uint64_t high = hist_highest(index);
    if (h->counts) {
        h->counts[index - h->base] = count;
        return;
    }
    h->total += count;
    h->min = low < h->min ? low : h->min;
    h->max = high < h->value_max ? high : h->value_max;
    h->sum += (double)count * ((double)low + (double)(high - low) / 2);
}

static int hdr_count(struct hist *h, uint32_t *index, int64_t value, struct err *e)
{
    uint32_t size = hist_index(h->value_max) + 1;
    if (value < 0) {
        if (value < -(int64_t)(size - *index)) {
            return hdr_refuse("a run of empty counts leaves the histogram", e);
        }
        *index += (uint32_t)-value;
        return 0;
    }
    if (*index >= size) {
        return hdr_refuse("more counts than its range holds", e);
    }
    if (!h->counts && value > INT64_MAX - (int64_t)h->total) {
        return hdr_refuse("its counts overflow", e);
    }
    if (value) {
        hdr_put_count(h, *index, (uint64_t)value);
    }
    (*index)++;
    return 0;
}

static int hdr_open_plain(const unsigned char *plain, size_t size, struct hist *h, struct err *e)
{
    uint64_t value_max = hdr_get64(plain + 24);
    if (hdr_get32(plain) != HDR_COOKIE) {
        return hdr_refuse("not of the V2 encoding", e);
    }
    if (hdr_get32(plain + 8) != 0 || hdr_get32(plain + 12) != HIST_DIGITS ||
        hdr_get64(plain + 16) != 1 || hdr_get64(plain + 32) != hdr_one) {
        return hdr_refuse("its parameters are not ours (3 digits from 1)", e);
    }
    if (hdr_get32(plain + 4) != size - HDR_HEAD_BYTES) {
        return hdr_refuse("its length is wrong", e);
    }
    if (value_max < HDR_RANGE_MIN || value_max > UINT64_C(1) << HDR_RANGE_BITS) {
        return hdr_refuse("its range is not believable", e);
    }
    *h = (struct hist){ .value_max = value_max, .min = UINT64_MAX };
    return 0;
}

static int hdr_read_counts(const unsigned char *plain, size_t size, struct hist *h, struct err *e)
{
    uint32_t index = 0;
    for (size_t at = HDR_HEAD_BYTES; at < size;) {
        int64_t value = 0;
        size_t taken = hdr_get_leb(plain + at, size - at, &value);
        if (!taken) {
            return hdr_refuse("a count is cut short", e);
        }
        if (hdr_count(h, &index, value, e)) {
            return -1;
        }
        at += taken;
    }
    return 0;
}

static int hdr_read_plain(const unsigned char *plain, size_t size, struct hist *h, struct err *e)
{
    if (size < HDR_HEAD_BYTES) {
        return hdr_refuse("cut short", e);
    }
    if (hdr_open_plain(plain, size, h, e) || hdr_read_counts(plain, size, h, e) ||
        hist_make_room(h, e)) {
        return -1;
    }
    return h->counts ? hdr_read_counts(plain, size, h, e) : 0;
}

/* Appends what a zlib stream holds, up to the cap of plain. */
static int hdr_inflate(unsigned char *packed, size_t size, struct buf *plain)
{
    unsigned char piece[HDR_PIECE_BYTES];
    z_stream z = { .next_in = packed, .avail_in = (uInt)size };
    if (inflateInit(&z) != Z_OK) {
        return -1;
    }
    int state = Z_OK;
    while (state == Z_OK && !plain->failed) {
        z.next_out = piece;
        z.avail_out = sizeof(piece);
        state = inflate(&z, Z_NO_FLUSH);
        buf_add(plain, piece, sizeof(piece) - z.avail_out);
    }
    (void)inflateEnd(&z);
    return state == Z_STREAM_END && !plain->failed ? 0 : -1;
}

static int hdr_unpack(unsigned char *packed, size_t size, struct hist *h, struct err *e)
{
    AUTO(buf) struct buf plain = { .cap = HDR_PLAIN_MAX };
    if (size < HDR_OUTER_BYTES || hdr_get32(packed) != HDR_COOKIE_COMPRESSED ||
        hdr_get32(packed + 4) != size - HDR_OUTER_BYTES) {
        return hdr_refuse("not of the compressed V2 encoding", e);
    }
    if (hdr_inflate(packed + HDR_OUTER_BYTES, size - HDR_OUTER_BYTES, &plain) != 0) {
        return hdr_refuse("its compressed part is damaged, or larger than any histogram", e);
    }
    return hdr_read_plain((const unsigned char *)buf_text(&plain), plain.size, h, e);
}

static int hdr_get_base64(const char *text, size_t length, struct buf *bytes, struct err *e)
{
    uint8_t piece[BASE64_DECODE_LENGTH(HDR_PIECE_BYTES)];
    struct base64_decode_ctx ctx;
    base64_decode_init(&ctx);
    for (size_t at = 0; at < length; at += HDR_PIECE_BYTES) {
        size_t n = length - at < HDR_PIECE_BYTES ? length - at : HDR_PIECE_BYTES;
        size_t size = sizeof(piece);
        if (!base64_decode_update(&ctx, &size, piece, n, text + at)) {
            return hdr_refuse("its text is not base64", e);
        }
        buf_add(bytes, piece, size);
    }
    if (!base64_decode_final(&ctx)) {
        return hdr_refuse("its text is not base64, or cut short", e);
    }
    return bytes->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to decode a histogram") : 0;
}

int hdr_decode(const char *text, struct hist *h, struct err *e)
{
    AUTO(buf) struct buf packed = { 0 };
    size_t length = strlen(text);
    *h = (struct hist){ 0 };
    if (length > HDR_TEXT_MAX) {
        return hdr_refuse("its text is longer than any histogram's", e);
    }
    if (hdr_get_base64(text, length, &packed, e) != 0) {
        return -1;
    }
    if (hdr_unpack((unsigned char *)packed.data, packed.size, h, e) != 0) {
        hist_release(h);
        return -1;
    }
    return 0;
}
