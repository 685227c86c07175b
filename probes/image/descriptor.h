/*
 * descriptor: what an index or a manifest says about a blob: what it is, its digest and size.
 *
 * SOURCE: OCI image specification 1.1, descriptor.md, image-index.md, media-types.md and its
 * compatibility matrix; Docker: distribution, manifest-v2-2. Names: annotations.md
 * (org.opencontainers.image.ref.name), containerd's images package (io.containerd.image.name),
 * buildkit's attestation storage (vnd.docker.reference.type).
 */
#ifndef PROBES_IMAGE_DESCRIPTOR_H
#define PROBES_IMAGE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/image/digest.h"
#include "probes/image/platform.h"
#include "probes/image/spec.h"
#include "probes/kit/err.h"
#include "probes/kit/node.h"

enum {
    DESCRIPTOR_TYPE_BYTES = 128, /* SOURCE: RFC 6838 4.2: 127 for a subtype */
    DESCRIPTOR_PATH_BYTES = sizeof "blobs/sha256/" + DIGEST_HEX_BYTES
};

/* What is told apart; layers are judged by media.h. */
enum descriptor_kind {
    DESCRIPTOR_INDEX,
    DESCRIPTOR_MANIFEST,
    DESCRIPTOR_CONFIG,
    DESCRIPTOR_OTHER
};

struct descriptor {
    char media_type[DESCRIPTOR_TYPE_BYTES]; /* fit to be shown */
    enum descriptor_kind kind;
    uint8_t digest[DIGEST_BYTES];
    uint64_t size;
    bool has_platform;
    struct platform platform;
    bool is_attestation;              /* about an image, and none */
    char name[SPEC_NAME_BYTES];       /* of containerd's annotation; else as short_name */
    char short_name[SPEC_NAME_BYTES]; /* of OCI's annotation */
};

/* An object with mediaType, digest and size. */
int descriptor_read(const struct node *at, struct descriptor *d, struct err *e);
/* "blobs/sha256/..." */
void descriptor_path(const struct descriptor *d, char path[DESCRIPTOR_PATH_BYTES]);
bool descriptor_has_name(const struct descriptor *d, const char *name);

#endif
