/*
 * decoder: what turns packed bytes into a stream, one row each: zlib and ISA-L for gzip, libzstd.
 *
 * A decoder knows one member (gzip) or frame (zstd) at a time; what may follow one another, and how
 * a stream may end, is stream's.
 */
#ifndef PROBES_IMAGE_DECODER_H
#define PROBES_IMAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DECODER_WINDOW_LOG = 27 /* 128 MiB, what zstd --long takes; SOURCE: zstd(1), RFC 8878 3.1.1.1.2
                               recommends 8 MiB, decoders may take more */
};

enum decoder_answer {
    DECODER_MORE, /* wants input, or room for output */
    DECODER_END,  /* of a member */
    DECODER_NO_MEMORY,
    DECODER_BROKEN
};

/* What is left of the input and of the room; a decoder moves both on. */
struct decoder_io {
    uint8_t *in; /* only read; ISA-L does not say so */
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;
    const char *why; /* DECODER_BROKEN: the reason, static */
};

struct decoder {
    const char *name;             /* "zlib" */
    const char *format;           /* "gzip" */
    void *(*open)(void);          /* NULL: no memory */
    bool (*start)(void *state);   /* before each member; false: no memory */
    bool (*begins)(uint8_t byte); /* whether a member may begin so */
    enum decoder_answer (*step)(void *state, struct decoder_io *io);
    void (*release)(void *state); /* NULL is allowed */
};

extern const struct decoder decoder_zlib, decoder_isal, decoder_zstd;

#endif
