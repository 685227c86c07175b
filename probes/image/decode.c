#include "probes/image/decode.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>
#include <zstd.h>

#include "probes/image/stream.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    DECODE_WINDOW_BITS = 15 + 16, /* SOURCE: zlib.h, deflateInit2: 16 more writes a gzip header */
    DECODE_MEMORY_LEVEL = 8       /* zlib's default */
};

static const struct decoder *const decode_decoders[DECODE_HASH] = {
    [DECODE_ZLIB] = &decoder_zlib,
    [DECODE_ISAL] = &decoder_isal,
    [DECODE_ZSTD] = &decoder_zstd,
};

static int decode_no_memory(struct err *e)
{
    return err_set(e, ERR_NO_RESOURCE, 0, "no memory to hold a layer");
}

static const struct oci_layer *decode_largest(const struct oci_image *image)
{
    const struct oci_layer *largest = &image->layers[0];
    for (unsigned i = 1; i < image->count; i++) {
        if (image->layers[i].tar_bytes > largest->tar_bytes)
            largest = &image->layers[i];
    }
    return largest;
}

/* The first bytes of the layer's tar. */
static int decode_fill(struct decode *d, struct stream *stream, const struct oci_layer *layer,
                       const volatile sig_atomic_t *stopping, struct err *e)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    stream_use(stream, STREAM_BY_ISAL);
    if (stream_start(stream, &layer->source, UINT64_MAX, e))
        return -1;
    do {
        if (stopping && *stopping)
            return err_set(e, ERR_INTERRUPTED, 0, "interrupted while a layer was being read");
        if (stream_read(stream, &bytes, &size, e))
            return -1;
        size_t room = DECODE_BYTES - d->size;
        size_t taken = size < room ? size : room;
        memcpy(d->plain + d->size, bytes, taken);
        d->size += taken;
    } while (size > 0 && d->size < DECODE_BYTES);
    return d->size > 0 ? 0 : err_set(e, ERR_DATA, 0, "the largest layer is empty");
}

static int decode_read(struct decode *d, const struct oci_image *image,
                       const volatile sig_atomic_t *stopping, struct err *e)
{
    struct stream stream;
    int failed =
        stream_open(&stream, e) || decode_fill(d, &stream, decode_largest(image), stopping, e);
    stream_release(&stream);
    return failed ? -1 : 0;
}

static int decode_pack_gzip(struct decode *d, struct err *e)
{
    z_stream z = { .next_in = d->plain, .avail_in = (uInt)d->size };
    if (deflateInit2(&z, DECODE_GZIP_LEVEL, Z_DEFLATED, DECODE_WINDOW_BITS, DECODE_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return decode_no_memory(e);
    }
    size_t room = deflateBound(&z, d->size);
    d->packed[DECODE_ZLIB] = malloc(room);
    z.next_out = d->packed[DECODE_ZLIB];
    z.avail_out = (uInt)room;
    int answer = z.next_out ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
    (void)deflateEnd(&z);
    d->packed_bytes[DECODE_ZLIB] = room - z.avail_out;
    d->packed[DECODE_ISAL] = d->packed[DECODE_ZLIB];
    d->packed_bytes[DECODE_ISAL] = d->packed_bytes[DECODE_ZLIB];
    return answer == Z_STREAM_END ? 0 : decode_no_memory(e);
}

/* In two calls, so that the frame does not know how long it becomes: a builder's does not. */
static int decode_pack_zstd(struct decode *d, struct err *e)
{
    size_t room = ZSTD_compressBound(d->size);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    d->packed[DECODE_ZSTD] = malloc(room);
    ZSTD_inBuffer in = { .src = d->plain, .size = d->size };
    ZSTD_outBuffer out = { .dst = d->packed[DECODE_ZSTD], .size = room };
    bool is_packed = context && out.dst &&
                     !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel,
                                                          DECODE_ZSTD_LEVEL)) &&
                     !ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)) &&
                     ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0;
    (void)ZSTD_freeCCtx(context);
    d->packed_bytes[DECODE_ZSTD] = out.pos;
    return is_packed ? 0 : decode_no_memory(e);
}

/* Pieces of the output, one after the other through the same buffer; seen may be NULL. */
static int decode_pieces(struct decode *d, enum decode_way way, uint64_t until_ns, uint64_t *bytes,
                         bool (*seen)(const struct decode *d, uint64_t at, size_t size),
                         struct err *e)
{
    const struct decoder *decoder = decode_decoders[way];
    struct decoder_io io = { .in = d->packed[way], .in_bytes = d->packed_bytes[way] };
    enum decoder_answer answer = DECODER_MORE;
    bool is_sound = decoder->start(d->states[way]);
    while (is_sound && answer == DECODER_MORE && clk_now_ns() < until_ns) {
        io.out = d->out;
        io.out_bytes = STREAM_OUT_BYTES;
        answer = decoder->step(d->states[way], &io);
        size_t size = STREAM_OUT_BYTES - io.out_bytes;
        is_sound = (answer == DECODER_END || size > 0) && (!seen || seen(d, *bytes, size));
        *bytes += size;
    }
    return is_sound
               ? 0
               : err_set(e, ERR_DATA, 0, "%s does not bring back what was packed", decoder->name);
}

static int decode_hash(struct decode *d, uint64_t until_ns, uint64_t *bytes)
{
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&hash);
    while (*bytes < d->size && clk_now_ns() < until_ns) {
        size_t left = d->size - (size_t)*bytes;
        size_t size = left < STREAM_OUT_BYTES ? left : STREAM_OUT_BYTES;
        sha256_update(&hash, size, d->plain + *bytes);
        *bytes += size;
    }
    sha256_digest(&hash, sizeof digest, digest);
    return 0;
}

int decode_run(struct decode *d, enum decode_way way, uint64_t until_ns, struct decode_took *took,
               struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    *took = (struct decode_took){ 0 };
    int failed = way == DECODE_HASH ? decode_hash(d, until_ns, &took->bytes)
                                    : decode_pieces(d, way, until_ns, &took->bytes, NULL, e);
    took->ns = clk_now_ns() - began_ns;
    return failed;
}

static bool decode_is_same(const struct decode *d, uint64_t at, size_t size)
{
    return at + size <= d->size && memcmp(d->plain + at, d->out, size) == 0;
}

/* Also warms what is to be measured: tables, buffers, libzstd's window. */
static int decode_check(struct decode *d, struct err *e)
{
    for (unsigned way = 0; way < DECODE_HASH; way++) {
        uint64_t bytes = 0;
        if (decode_pieces(d, way, UINT64_MAX, &bytes, decode_is_same, e))
            return -1;
        if (bytes != d->size)
            return err_set(e, ERR_DATA, 0, "%s does not bring back all that was packed",
                           decode_decoders[way]->name);
    }
    return 0;
}

static int decode_allocate(struct decode *d, struct err *e)
{
    bool is_whole = true;
    d->plain = malloc(DECODE_BYTES);
    d->out = malloc(STREAM_OUT_BYTES);
    for (unsigned way = 0; way < DECODE_HASH; way++) {
        d->states[way] = decode_decoders[way]->open();
        is_whole = is_whole && d->states[way];
    }
    return is_whole && d->plain && d->out ? 0 : decode_no_memory(e);
}

int decode_open(struct decode *d, const struct oci_image *image,
                const volatile sig_atomic_t *stopping, struct err *e)
{
    *d = (struct decode){ 0 };
    if (decode_allocate(d, e) || decode_read(d, image, stopping, e) || decode_pack_gzip(d, e) ||
        decode_pack_zstd(d, e) || decode_check(d, e)) {
        decode_release(d);
        return -1;
    }
    return 0;
}

void decode_release(struct decode *d)
{
    for (unsigned way = 0; way < DECODE_HASH; way++)
        decode_decoders[way]->release(d->states[way]);
    free(d->packed[DECODE_ZLIB]);
    free(d->packed[DECODE_ZSTD]);
    free(d->plain);
    free(d->out);
    *d = (struct decode){ 0 };
}
