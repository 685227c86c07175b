/*
 * layer: a set of gzip tar layers as files, made from the seed: what a registry would have sent.
 *
 * The layers lie in unnamed files of one directory, as the content store of a container runtime
 * keeps blobs, and are read from there (from the page cache, mostly: a pull has just written them).
 * Entries and content: tree.h, content.h. Bytes are shared out 45, 33, 17, 5 (large base, runtime,
 * dependencies with many small files, application); about 24 kB of content a file.
 *
 * The uncompressed stream is the same for the same seed on every machine, and `sha256` says so; the
 * compressed one depends on zlib's version. Compression is level 6 by default, what docker build
 * and buildkit use.
 *
 * Making a set costs about 1 s of CPU for 40 MB, shared by threads, one layer each at a time.
 */
#ifndef PROBES_IMAGE_LAYER_SET_H
#define PROBES_IMAGE_LAYER_SET_H

#include <nettle/sha2.h>
#include <signal.h>
#include <stdint.h>

#include "probes/image/oci.h"
#include "probes/image/tree.h"
#include "probes/kit/err.h"

enum {
    LAYER_MAX = 8,
    LAYER_MEAN_FILE_BYTES = 23 << 10,
};

struct layer_conf {
    uint64_t seed;
    uint64_t bytes;   /* of all file content */
    unsigned layers;  /* 1..LAYER_MAX */
    int level;        /* of zlib, 1..9 */
    unsigned threads; /* at least 1 */
};

struct set_layer {
    int fd;                             /* -1 when closed */
    uint64_t packed_bytes;              /* of the gzip file */
    uint64_t tar_bytes;                 /* of the stream in it */
    uint8_t sha256[SHA256_DIGEST_SIZE]; /* of the stream: OCI's diff_id */
    struct tree tree;
};

struct layer_set {
    struct set_layer layers[LAYER_MAX];
    struct oci_layer stored[LAYER_MAX];
    struct oci_image image; /* the same, for who reads it */
    unsigned count;
    uint64_t packed_bytes, tar_bytes, file_bytes;
    uint64_t entries;
    char sha256[2 * SHA256_DIGEST_SIZE + 1]; /* hex: of the layers' digests one after the other */
};

/* ERR_INTERRUPTED soon after *stopping becomes true (NULL: never). */
int layer_set_make(const struct layer_conf *conf, int dirfd, const volatile sig_atomic_t *stopping,
                   struct layer_set *set, struct err *e);
void layer_set_release(struct layer_set *set); /* idempotent, also on a zeroed one */
/* What a set will take on disk at most, before it is made: the packed layers; one extraction. */
uint64_t layer_packed_bytes_max(uint64_t bytes);
uint64_t layer_unpacked_bytes_max(uint64_t bytes);

#endif
