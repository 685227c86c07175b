/*
 * press: packs bytes for tests, one gzip member or zstd frame at a time.
 */
#ifndef TESTS_UNIT_PROBES_IMAGE_PRESS_H
#define TESTS_UNIT_PROBES_IMAGE_PRESS_H

#include <stdint.h>
#include <stdlib.h>
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>
#include <zstd.h>

/* Room enough for so many bytes packed by either. */
static inline size_t press_room(size_t size)
{
    return size + size / 8 + 4096;
}

/* How many bytes it became; header may be NULL. */
static inline size_t press_gzip(uint8_t *to, size_t room, const void *bytes, size_t size,
                                gz_headerp header)
{
    z_stream z = {
        .next_in = bytes, .avail_in = (uInt)size, .next_out = to, .avail_out = (uInt)room
    };
    int answer = deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    if (header)
        (void)deflateSetHeader(&z, header);
    answer = answer == Z_OK ? deflate(&z, Z_FINISH) : answer;
    (void)deflateEnd(&z);
    if (answer != Z_STREAM_END)
        abort();
    return room - z.avail_out;
}

/* With a checksum, as the zstd program writes it. window_log 0: as libzstd likes. */
static inline size_t press_zstd(uint8_t *to, size_t room, const void *bytes, size_t size,
                                int window_log)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer in = { .src = bytes, .size = size };
    ZSTD_outBuffer out = { .dst = to, .size = room };
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    /* In two calls, so that the frame cannot say how long it is, as a stream's cannot. */
    size_t left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
    left = ZSTD_isError(left) ? left : ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
    (void)ZSTD_freeCCtx(context);
    if (left != 0 || in.pos != in.size)
        abort();
    return out.pos;
}

#endif
