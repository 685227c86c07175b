/*
 * packer: compresses a stream into a file as those do who build images, and digests what it wrote.
 *
 * gzip at level 6, zlib's default and docker build's; zstd at level 3 with a checksum and without
 * the size of the content in its header, as a stream of unknown length is written.
 * SOURCE: zlib.h (Z_DEFAULT_COMPRESSION); buildkit util/compression (gzip and zstd default levels);
 * OCI image specification 1.1, layer.md, "+gzip Media Types" and "+zstd Media Types".
 *
 * The bytes depend on the version of the library; what comes out of them does not. Allocates in
 * packer_open only. One thread a struct.
 */
#ifndef PROBES_IMAGE_PACKER_H
#define PROBES_IMAGE_PACKER_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>
#include <zstd.h>

#include "probes/kit/err.h"

enum {
    PACKER_OUT_BYTES = 64 << 10
};

enum packer_form {
    PACKER_GZIP,
    PACKER_ZSTD
};

struct packer {
    const struct packer_row *row;
    int fd; /* borrowed */
    uint64_t packed_bytes;
    struct sha256_ctx digest;
    z_stream z;
    ZSTD_CCtx *zstd; /* owned */
    uint8_t out[PACKER_OUT_BYTES];
};

/* ERR_NO_RESOURCE. */
int packer_open(struct packer *p, enum packer_form form, int fd, struct err *e);
int packer_put(struct packer *p, const void *bytes, size_t size, struct err *e);
/* Writes what is left, and the digest of all that was written. */
int packer_end(struct packer *p, uint8_t digest[SHA256_DIGEST_SIZE], struct err *e);
void packer_release(struct packer *p); /* idempotent, also on a zeroed one */

/* "application/vnd.oci.image.layer.v1.tar+gzip" */
const char *packer_media_type(enum packer_form form);

#endif
