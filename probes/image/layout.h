/*
 * layout: an OCI image layout that is written: a directory with oci-layout, index.json and
 * blobs/sha256/. SOURCE: OCI image specification 1.1: image-layout.md, manifest.md, config.md,
 * descriptor.md.
 *
 * The documents hold nothing of this machine or this hour. The config names no architecture
 * ("unknown", as there is no program in the image), nor does the index; so its digest, the image
 * ID, is the same everywhere, and no reader that chooses by platform passes it over.
 *
 * Blobs get their names from layout_add; any thread may write to one that layout_open_blob gave.
 */
#ifndef PROBES_IMAGE_LAYOUT_H
#define PROBES_IMAGE_LAYOUT_H

#include <stdint.h>

#include "probes/image/layer.h"
#include "probes/kit/err.h"

struct layout {
    int root_fd, blobs_fd; /* owned; -1 when closed */
    uint64_t written_bytes;
};

/* An image about to be described. */
struct layout_image {
    const char *name; /* the reference name in the index */
    const struct layer *layers;
    const char *const *created_by; /* of each layer, for the history */
    unsigned count;
    enum packer_form form;
};

/* Makes the directory `name` below dir_fd; it must not exist. */
int layout_create(struct layout *l, int dir_fd, const char *name, struct err *e);
/* A file for the blob that layout_add names; number tells them apart. The descriptor, or -1. */
int layout_open_blob(const struct layout *l, unsigned number, struct err *e);
int layout_add(struct layout *l, unsigned number, const struct layer *layer, struct err *e);
/* Writes config, manifest, index.json and oci-layout. */
int layout_describe(struct layout *l, const struct layout_image *image, struct err *e);
void layout_release(struct layout *l); /* closes; idempotent on one that layout_create was given */

#endif
