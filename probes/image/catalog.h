/*
 * catalog: where the members of a tar lie, so that they can be read in place.
 *
 * Read are headers as ustar.h and pax.h have them, and GNU's long names and links. Members are
 * regular files and links to them, symbolic ones too, which older `docker save` writes for layers
 * that it has already stored; whatever else there is is passed over. Of members with one name the
 * last counts, as when the tar is extracted. Names are compared without "./".
 */
#ifndef PROBES_IMAGE_CATALOG_H
#define PROBES_IMAGE_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    CATALOG_MEMBERS_MAX = 1 << 16, /* an archive of 500 images with 100 layers has less */
    CATALOG_NAME_BYTES = 512,      /* members with longer names are passed over */
    CATALOG_EXTRA_BYTES = 1 << 20  /* of a pax header, or of a long name */
};

enum catalog_kind {
    CATALOG_FILE,
    CATALOG_LINK,
    CATALOG_SPARSE /* its bytes are not as they were: `tar --sparse` */
};

struct catalog_member {
    uint64_t offset, size; /* CATALOG_FILE: of its bytes in the tar */
    char *name;            /* owned */
    char *target;          /* CATALOG_LINK: the name it stands for; owned */
    enum catalog_kind kind;
};

struct catalog {
    struct catalog_member *members; /* owned */
    unsigned count, room;
};

/* *c need not be initialised. fd: a regular file of so many bytes; borrowed. */
int catalog_read(struct catalog *c, int fd, uint64_t size, struct err *e);
void catalog_release(struct catalog *c); /* idempotent, also on a zeroed one */

bool catalog_has(const struct catalog *c, const char *name);
/* Follows links. ERR_DATA when there is no such member, or it cannot be read in place. */
int catalog_find(const struct catalog *c, const char *name, uint64_t *offset, uint64_t *size,
                 struct err *e);

#endif
