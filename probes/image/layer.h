/*
 * layer: one layer of an image that is made: the tar stream of a tree, packed into a file.
 *
 * The stream is the same for the same seed on every machine, and diff_id says so. Its digest is
 * taken before it is packed, so that it depends on no library's version.
 */
#ifndef PROBES_IMAGE_LAYER_H
#define PROBES_IMAGE_LAYER_H

#include <nettle/sha2.h>
#include <signal.h>
#include <stdint.h>

#include "probes/image/packer.h"
#include "probes/image/tree.h"
#include "probes/kit/err.h"

struct layer {
    struct tree tree;                    /* owned */
    uint64_t tar_bytes;                  /* of the stream */
    uint64_t packed_bytes;               /* of the file */
    uint8_t diff_id[SHA256_DIGEST_SIZE]; /* of the stream: the OCI's term */
    uint8_t digest[SHA256_DIGEST_SIZE];  /* of the file */
};

/*
 * Writes layer->tree with content from `content` to fd, and fills in the rest. ERR_INTERRUPTED soon
 * after *stopping becomes true (NULL: never).
 */
int layer_write(struct layer *layer, const struct content *content, enum packer_form form, int fd,
                const volatile sig_atomic_t *stopping, struct err *e);
void layer_release(struct layer *layer); /* idempotent, also on a zeroed one */

#endif
