/*
 * saved: what `docker save` writes: manifest.json, which names config and layers by file.
 *
 * SOURCE: moby image/tarexport: manifest.json is an array of {Config, RepoTags, Layers}; a config
 * is named by its digest, "<64 digits>.json" or "blobs/sha256/<64 digits>"; layers are tars, or,
 * by other programs, compressed ones.
 */
#ifndef PROBES_IMAGE_SAVED_H
#define PROBES_IMAGE_SAVED_H

#include "probes/image/catalog.h"
#include "probes/image/digest.h"
#include "probes/image/shelf.h"
#include "probes/kit/err.h"

struct saved_layer {
    char path[CATALOG_NAME_BYTES];
    bool has_digest;
    uint8_t digest[DIGEST_BYTES]; /* when the path is one */
};

struct saved {
    char config[CATALOG_NAME_BYTES];
    bool has_config_digest;
    uint8_t config_digest[DIGEST_BYTES];
    struct saved_layer *layers; /* owned */
    unsigned count;             /* 0..OCI_LAYERS_MAX */
};

/* name: of RepoTags; "" is any, as long as there is one image only. *v need not be initialised. */
int saved_read(struct shelf *s, const char *name, struct saved *v, struct err *e);
void saved_release(struct saved *v); /* idempotent, also on a zeroed one */

#endif
