/*
 * tar: writes a tar stream, the same bytes on every machine (libarchive's writer may change its
 * headers with its version). ustar headers; pax records for what they cannot hold: names above 100
 * bytes or beyond ASCII, and extended attributes.
 * SOURCE: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; attributes as
 * SCHILY.xattr.NAME, as Go's archive/tar writes them and with it every container tool.
 * Stateless; allocates nothing.
 */
#ifndef PROBES_IMAGE_TAR_H
#define PROBES_IMAGE_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    TAR_BLOCK_BYTES = 512,
    TAR_RECORDS_BYTES = 8192 /* the pax records of one entry; more is ERR_DATA */
};

enum tar_type {
    TAR_FILE = '0',
    TAR_HARDLINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHAR = '3',
    TAR_DIR = '5'
};

struct tar_entry {
    const char *path; /* as it is written; directories end in a slash */
    const char *link; /* target of a hard link or symlink; else NULL */
    enum tar_type type;
    uint32_t mode; /* permission bits */
    uint32_t uid, gid;
    uint64_t size;          /* TAR_FILE only; below 8 GiB */
    uint64_t mtime_s;       /* seconds since 1970 */
    const char *xattr_name; /* "user.note", or NULL */
    const char *xattr_value;
};

struct tar_sink {
    int (*write)(void *arg, const void *bytes, size_t size, struct err *e);
    void *arg;
};

/* The header; the caller then writes `size` bytes of content and tar_pad. */
int tar_header(const struct tar_sink *sink, const struct tar_entry *entry, struct err *e);
/* Zeros up to the block after so much content. */
int tar_pad(const struct tar_sink *sink, uint64_t size, struct err *e);
/* Two empty blocks. */
int tar_end(const struct tar_sink *sink, struct err *e);

#endif
