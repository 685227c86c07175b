/*
 * stream: the bytes of a layer out of a file, decompressed by the calling thread.
 *
 * gzip may have several members, as gzip itself allows; anything else behind the last one, a
 * truncated stream and a wrong checksum are ERR_DATA. Buffers are allocated once, by stream_open.
 * One thread a stream. The file is read with pread, so that several may read it.
 */
#ifndef PROBES_IMAGE_STREAM_H
#define PROBES_IMAGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "probes/kit/err.h"

enum {
    STREAM_IN_BYTES = 64 << 10,
    STREAM_OUT_BYTES = 128 << 10
};

enum stream_form {
    STREAM_GZIP,
    STREAM_PLAIN /* not compressed */
};

/* Where the bytes lie. */
struct stream_source {
    int fd;
    uint64_t offset, size; /* of the compressed bytes */
    enum stream_form form;
};

struct stream {
    struct stream_source source;
    uint64_t at;      /* next byte to read, from the source's offset */
    uint64_t out_max; /* more than so much decompressed is refused: a bomb */
    uint64_t out_bytes;
    bool between; /* a gzip member has ended, or none has begun */
    z_stream z;
    bool z_open;
    uint8_t *in, *out; /* owned */
};

int stream_open(struct stream *s, struct err *e);
int stream_start(struct stream *s, const struct stream_source *source, uint64_t out_max,
                 struct err *e);
/* The next bytes, valid until the next call; *size is 0 at the end. */
int stream_read(struct stream *s, const uint8_t **bytes, size_t *size, struct err *e);
void stream_release(struct stream *s); /* idempotent */

#endif
