/*
 * stream: the bytes of a layer out of a file, decompressed by the calling thread.
 *
 * gzip may have several members and zstd several frames, skippable ones among them, as the formats
 * allow; anything else behind the last one, a truncated stream and a wrong checksum are ERR_DATA.
 * zstd frames may ask for a window of up to 128 MiB (decoder.h). Buffers and decoders are allocated
 * once, by stream_open; but libzstd allocates the window of the first frame that needs a larger one
 * than those before it. One thread a stream. The file is read with pread, so that several may read
 * it.
 */
#ifndef PROBES_IMAGE_STREAM_H
#define PROBES_IMAGE_STREAM_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/decoder.h"
#include "probes/kit/err.h"

enum {
    STREAM_IN_BYTES = 64 << 10,
    STREAM_OUT_BYTES = 128 << 10
};

enum stream_form {
    STREAM_GZIP,
    STREAM_PLAIN, /* not compressed */
    STREAM_ZSTD
};

/* Where the bytes lie. */
struct stream_source {
    int fd;
    uint64_t offset, size; /* of the compressed bytes */
    enum stream_form form;
};

/* What inflates. */
enum stream_decoder {
    STREAM_BY_ZLIB,
    STREAM_BY_ISAL,
    STREAM_BY_ZSTD,
    STREAM_DECODERS
};

struct stream {
    struct stream_source source;
    uint64_t at;      /* next byte to read, from the source's offset */
    uint64_t out_max; /* more than so much decompressed is refused: a bomb */
    uint64_t out_bytes;
    struct sha256_ctx *stored; /* NULL, or updated with the bytes as they are read; borrowed */
    enum stream_decoder gzip_by;
    const struct decoder *decoder; /* of this source; NULL: plain */
    void *states[STREAM_DECODERS]; /* owned, one a decoder */
    void *state;                   /* of them, this source's */
    struct decoder_io io;
    bool is_between;   /* a member has ended, or none has begun */
    bool is_held;      /* the decoder may have more to give without input */
    uint8_t *in, *out; /* owned */
};

/* gzip is inflated by zlib until stream_use says otherwise. */
int stream_open(struct stream *s, struct err *e);
/* STREAM_BY_ZLIB or STREAM_BY_ISAL for gzip, from the next stream_start on. */
void stream_use(struct stream *s, enum stream_decoder gzip_by);
int stream_start(struct stream *s, const struct stream_source *source, uint64_t out_max,
                 struct err *e);
/* The next bytes, valid until the next call; *size is 0 at the end. */
int stream_read(struct stream *s, const uint8_t **bytes, size_t *size, struct err *e);
void stream_release(struct stream *s); /* idempotent */

#endif
