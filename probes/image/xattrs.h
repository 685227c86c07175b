/*
 * xattrs: the extended attributes of one entry, packed one behind the other, so that they can be
 * copied as bytes. The memory is the caller's. One thread.
 */
#ifndef PROBES_IMAGE_XATTRS_H
#define PROBES_IMAGE_XATTRS_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    XATTRS_BYTES =
        64 << 10 /* of one entry. SOURCE: linux/limits.h XATTR_SIZE_MAX, XATTR_LIST_MAX */
};

struct xattrs {
    char *bytes; /* borrowed: room for XATTRS_BYTES */
    size_t size;
};

struct xattr {
    const char *name; /* terminated */
    const void *value;
    size_t size;
};

/* ERR_DATA: no more room, or a name that is empty, holds a NUL or is longer than XATTR_NAME_MAX. */
int xattrs_add(struct xattrs *x, const char *name, size_t name_size, const void *value, size_t size,
               struct err *e);
/* As SCHILY.xattr.NAME has it: the value as it is. */
int xattrs_add_schily(struct xattrs *x, const char *name, size_t name_size, const char *value,
                      size_t size, struct err *e);
/* As LIBARCHIVE.xattr.NAME has it: the name %-encoded, the value in base 64. */
int xattrs_add_libarchive(struct xattrs *x, const char *name, size_t name_size, const char *value,
                          size_t size, struct err *e);
/* The next one of packed bytes; *at begins at 0. 0 at the end. */
int xattrs_next(const char *bytes, size_t size, size_t *at, struct xattr *next);

#endif
