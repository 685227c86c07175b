/*
 * oci: an image as it is stored, opened for reading: its layers in the order they are applied, each
 * a range of bytes in a file.
 *
 * Read are an OCI image layout (directory), the same in a tar, and what `docker save` writes (with
 * or without an index.json beside its manifest.json). From an index the manifest of the platform
 * asked for is chosen. Nothing is copied: a layer in an archive is read where it lies.
 * SOURCE: OCI image specification 1.1: image-layout.md, image-index.md, manifest.md, config.md,
 * layer.md; docker-save: moby image/tarexport and its manifest.json; Docker media types:
 * distribution, manifest-v2-2.
 *
 * index, manifest and config are checked against their digests and sizes by oci_open; layers by
 * whoever reads them to their end (oci_verify, or a pipeline of one's own), and by size at once.
 * One thread while opening; after that read only.
 */
#ifndef PROBES_IMAGE_OCI_H
#define PROBES_IMAGE_OCI_H

#include <nettle/sha2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/image/stream.h"
#include "probes/kit/err.h"

enum {
    OCI_LAYERS_MAX = 512,         /* overlayfs takes 500, docker 125 */
    OCI_DOCUMENT_BYTES = 4 << 20, /* of one JSON: SOURCE: distribution-spec, the manifest's limit */
    OCI_TEXT_BYTES = 96,
    /* More than the one times as much as is stored, beyond the other, is a bomb: gzip cannot make
     * more than 1032 times as much, real layers some 3. */
    OCI_RATIO_MAX = 256,
    OCI_RATIO_FREE_BYTES = 64 << 20
};

struct oci_layer {
    struct stream_source source;         /* fd borrowed from the image */
    uint8_t digest[SHA256_DIGEST_SIZE];  /* of the bytes as stored */
    bool has_digest;                     /* docker-save names none */
    uint8_t diff_id[SHA256_DIGEST_SIZE]; /* of the tar in it; the config always has it */
    /* Found by oci_verify; 0 before. */
    uint64_t tar_bytes, entries, file_bytes;
};

struct oci_image {
    struct oci_layer *layers; /* owned */
    unsigned count;
    uint64_t packed_bytes;                   /* all layers as stored */
    uint64_t tar_bytes, entries, file_bytes; /* sums, by oci_verify */
    char form[OCI_TEXT_BYTES];               /* "OCI image layout" */
    char platform[OCI_TEXT_BYTES];           /* "linux/amd64" */
    char id[2 * SHA256_DIGEST_SIZE + 1];     /* hex SHA-256 of the config: docker's image ID */
    int *fds;                                /* owned: of the archive, or one a blob */
    unsigned fd_count;
};

struct oci_wish {
    const char *name; /* reference name; NULL or "": the only image, else ERR_USAGE lists them */
    const char *platform; /* "linux/arm64"; NULL: this machine's */
};

/*
 * *i need not be initialised. ERR_DATA for what is no sound image, ERR_UNSUPPORTED for encrypted
 * layers, foreign layers and algorithms but SHA-256; with the document and the reason.
 */
int oci_open(int dir_fd, const char *path, const struct oci_wish *wish, struct oci_image *i,
             struct err *e);
void oci_close(struct oci_image *i); /* idempotent, also on a zeroed one */

/*
 * Reads every layer once: digest and size as stored, diff_id, the form of the tar; fills in
 * tar_bytes, entries and file_bytes. ERR_DATA with "layer 3 of 6", the entry where there is one,
 * and the reason; also for more than RULES_ENTRIES_MAX entries (apply.h). Layers in
 * parallel on up to `threads` threads. ERR_TIMEOUT at until_ns (CLOCK_MONOTONIC; 0: never),
 * ERR_INTERRUPTED when *stopping (NULL: never).
 */
int oci_verify(struct oci_image *i, unsigned threads, uint64_t until_ns,
               const volatile sig_atomic_t *stopping, struct err *e);

#endif
