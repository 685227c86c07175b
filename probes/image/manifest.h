/*
 * manifest: an image's manifest and its config.
 *
 * SOURCE: OCI image specification 1.1, manifest.md, config.md; Docker: distribution,
 * manifest-v2-2. A document that could be taken for a manifest and an index is refused:
 * CVE-2021-41190.
 */
#ifndef PROBES_IMAGE_MANIFEST_H
#define PROBES_IMAGE_MANIFEST_H

#include "probes/image/descriptor.h"
#include "probes/image/jsonfile.h"
#include "probes/image/shelf.h"
#include "probes/kit/err.h"

struct manifest {
    struct descriptor config;
    struct descriptor *layers; /* owned */
    unsigned count;            /* 0..OCI_LAYERS_MAX */
};

struct config {
    struct platform platform;
    uint8_t (*diff_ids)[DIGEST_BYTES]; /* owned */
    unsigned count;                    /* 0..OCI_LAYERS_MAX */
    uint8_t digest[DIGEST_BYTES];      /* of the document: docker's image ID */
};

/* *m and *c need not be initialised. */
int manifest_read(struct shelf *s, const struct descriptor *d, struct manifest *m, struct err *e);
void manifest_release(struct manifest *m); /* idempotent, also on a zeroed one */
/* Whether its config is one of a container image; else the manifest is of something else. */
bool manifest_is_image(const struct manifest *m);

int manifest_read_config(const struct jsonfile *t, struct config *c, struct err *e);
void manifest_release_config(struct config *c); /* idempotent, also on a zeroed one */

/* schemaVersion 2, and the media type, where it names one, is the one it was called. */
int manifest_check_form(const struct node *at, const struct descriptor *d, const char *banned,
                        struct err *e);

#endif
