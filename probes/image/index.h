/*
 * index: finds the one manifest that is meant in an image layout: by name and by platform.
 *
 * Indexes may lie in indexes. A manifest listed without its platform is asked for its config's.
 * What is about an image (attestations, signatures) or something else (charts) is passed over.
 */
#ifndef PROBES_IMAGE_INDEX_H
#define PROBES_IMAGE_INDEX_H

#include "probes/image/descriptor.h"
#include "probes/image/platform.h"
#include "probes/image/shelf.h"
#include "probes/kit/err.h"

enum {
    INDEX_DEPTH_MAX = 4,    /* index.json, the tag's index, and what nobody does */
    INDEX_LOOKUPS_MAX = 128 /* documents read in search of it, since a hostile index lists many */
};

/*
 * name "" is any, as long as there is one image only; else ERR_USAGE lists them. ERR_UNSUPPORTED
 * lists the platforms when the one wanted is not there.
 */
int index_find(struct shelf *s, const char *name, const struct platform *wanted,
               struct descriptor *found, struct err *e);

#endif
