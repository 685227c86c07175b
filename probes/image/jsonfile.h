/*
 * jsonfile: a JSON document of an image, from the shelf: bounded, and checked against its
 * descriptor.
 */
#ifndef PROBES_IMAGE_JSONFILE_H
#define PROBES_IMAGE_JSONFILE_H

#include <jansson.h>

#include "probes/image/descriptor.h"
#include "probes/image/shelf.h"
#include "probes/kit/err.h"

struct jsonfile {
    json_t *json; /* owned; an object or an array */
    uint8_t digest[DIGEST_BYTES];
};

/* A file by its name: "index.json". *t need not be initialised. */
int jsonfile_read(struct shelf *s, const char *name, struct jsonfile *t, struct err *e);
/* A blob; ERR_DATA when size or digest are not as described. */
int jsonfile_read_blob(struct shelf *s, const struct descriptor *d, struct jsonfile *t,
                       struct err *e);
void jsonfile_release(struct jsonfile *t); /* idempotent, also on a zeroed one */

#endif
