/*
 * spec: what --image asks for: one of the program's own images, or somebody's.
 *
 *     small, reference            made from a seed: see mint.h
 *     small-zstd, reference-zstd  the same trees, layers packed by zstd
 *     small:7                     from another seed than SPEC_SEED
 *     PATH                        an OCI image layout (directory), an OCI archive or a docker-save
 *                                 archive (tar); a path that has a word above is written "./small"
 *     PATH@NAME                   of several images in it, the one of this reference name
 *
 * What has neither a slash nor a dot and does not exist is taken for a misspelt word. An @ ends the
 * path where what is before it exists; else the first one does.
 */
#ifndef PROBES_IMAGE_SPEC_H
#define PROBES_IMAGE_SPEC_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

/* The same on every host, so that figures of two hosts are of one image. */
#define SPEC_SEED UINT64_C(1)

enum {
    SPEC_NAME_BYTES = 256 /* of a reference: SOURCE: distribution reference, 255 */
};

enum spec_kind {
    SPEC_SMALL,
    SPEC_REFERENCE,
    SPEC_PATH
};

struct spec {
    enum spec_kind kind;
    bool is_zstd;               /* of those that are made */
    uint64_t seed;              /* of those that are made */
    char path[PATH_MAX];        /* SPEC_PATH */
    char name[SPEC_NAME_BYTES]; /* SPEC_PATH; "" when none was given */
};

/* ERR_USAGE with the words that are allowed. NULL and "" are "small". */
int spec_parse(const char *text, struct spec *s, struct err *e);

#endif
