/*
 * extra: what stands in front of an entry's header about it: pax records and GNU's long names.
 * SOURCE: POSIX.1-2017 pax, "pax Extended Header Keywords"; GNU tar manual, "Tar Internals" (types
 * L and K; GNU.sparse.*); attributes: SCHILY.xattr.* (star, GNU tar, Go), LIBARCHIVE.xattr.*
 * (libarchive). Other keywords count for nothing. Of several with one name the last counts.
 * The memory is allocated by extra_open. One thread.
 */
#ifndef PROBES_IMAGE_EXTRA_H
#define PROBES_IMAGE_EXTRA_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "probes/image/sparse.h"
#include "probes/image/xattrs.h"
#include "probes/kit/err.h"

struct extra {
    struct xattrs xattrs; /* owned */
    struct sparse sparse;
    bool is_empty; /* nothing stood there */
    bool has_path, has_link, has_size, has_uid, has_gid, has_mtime, has_atime;
    bool has_sparse_path, has_sparse_bytes, has_sparse_map;
    uint64_t size, uid, gid;
    uint64_t sparse_bytes; /* of the file, holes included */
    uint64_t sparse_major; /* 1: the map is in front of the content */
    struct timespec mtime, atime;
    char path[PATH_MAX], link[PATH_MAX];
};

int extra_open(struct extra *x, struct err *e);
void extra_release(struct extra *x); /* idempotent */
void extra_start(struct extra *x);   /* for the next entry: nothing is said */

/* The content of a pax header (type x); of an entry of type L; of type K. ERR_DATA. */
int extra_take_pax(struct extra *x, const char *bytes, size_t size, struct err *e);
int extra_take_path(struct extra *x, const char *bytes, size_t size, struct err *e);
int extra_take_link(struct extra *x, const char *bytes, size_t size, struct err *e);

#endif
