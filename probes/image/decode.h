/*
 * decode: the decoders of layers side by side, over the same bytes of one layer, in memory.
 *
 * Up to DECODE_BYTES of the image's largest layer are packed as `docker build` and buildkit pack
 * layers: gzip by zlib at level 6, zstd at level 3, as streams of unknown length. Each decoder then
 * makes them into pieces as large as unpacking does (STREAM_OUT_BYTES); SHA-256, which a pull
 * computes of both, takes the same bytes. One thread; decode_run allocates nothing but libzstd's
 * window, once.
 */
#ifndef PROBES_IMAGE_DECODE_H
#define PROBES_IMAGE_DECODE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/decoder.h"
#include "probes/image/oci.h"
#include "probes/kit/err.h"

enum {
    DECODE_BYTES = 8 << 20, /* larger than a core's own caches; some 0.3 s of zlib to pack */
    DECODE_GZIP_LEVEL = 6,  /* SOURCE: Go's gzip.DefaultCompression, which buildkit uses */
    DECODE_ZSTD_LEVEL = 3   /* SOURCE: zstd's default; buildkit's default for zstd */
};

enum decode_way {
    DECODE_ZLIB,
    DECODE_ISAL,
    DECODE_ZSTD,
    DECODE_HASH,
    DECODE_WAYS
};

struct decode {
    uint8_t *plain;               /* owned */
    size_t size;                  /* of plain */
    uint8_t *packed[DECODE_HASH]; /* owned but ISA-L's, which is zlib's */
    size_t packed_bytes[DECODE_HASH];
    void *states[DECODE_HASH]; /* owned */
    uint8_t *out;              /* owned */
};

struct decode_took {
    uint64_t bytes, ns; /* of output; of wall time */
};

/*
 * *d need not be initialised. The image is one that was verified; ERR_DATA when a decoder does not
 * bring back what was packed. Some 0.5 s on a slow core. stopping may be NULL.
 */
int decode_open(struct decode *d, const struct oci_image *image,
                const volatile sig_atomic_t *stopping, struct err *e);
/* Once over the bytes, or until until_ns (CLOCK_MONOTONIC). */
int decode_run(struct decode *d, enum decode_way way, uint64_t until_ns, struct decode_took *took,
               struct err *e);
void decode_release(struct decode *d); /* idempotent, also on a zeroed one */

#endif
