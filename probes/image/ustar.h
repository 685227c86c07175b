/*
 * ustar: one header block of a tar, decoded: v7, POSIX ustar, star and GNU.
 * SOURCE: POSIX.1-2017 pax, table "ustar Header Block"; GNU tar manual, "Basic Tar Format" (struct
 * posix_header, oldgnu_header, star_header; base-256 numbers, "tar Extensions").
 * Stateless; allocates nothing.
 */
#ifndef PROBES_IMAGE_USTAR_H
#define PROBES_IMAGE_USTAR_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    USTAR_BLOCK_BYTES = 512,
    USTAR_PATH_BYTES = 155 + 1 + 100 + 1, /* prefix, slash, name */
    USTAR_LINK_BYTES = 100 + 1,
    USTAR_SPARSE_PAIRS = 4,           /* in the header of type S */
    USTAR_SPARSE_EXTENSION_PAIRS = 21 /* in each block that follows it */
};

struct ustar_pair {
    uint64_t offset, size; /* a piece of a sparse file */
};

struct ustar {
    char path[USTAR_PATH_BYTES];
    char link[USTAR_LINK_BYTES];
    char typeflag;
    bool has_atime;
    uint32_t mode; /* 07777 and less */
    uint32_t major, minor;
    uint64_t uid, gid, size;
    int64_t mtime_s, atime_s;
    /* Type S only. */
    uint64_t real_bytes;
    struct ustar_pair pairs[USTAR_SPARSE_PAIRS]; /* those of size 0 are none */
    bool is_extended;                            /* a block of further pairs follows */
};

bool ustar_is_empty(const uint8_t block[USTAR_BLOCK_BYTES]);
/* ERR_DATA: the checksum (of unsigned or of signed bytes) or a number is wrong. */
int ustar_read(const uint8_t block[USTAR_BLOCK_BYTES], struct ustar *h, struct err *e);
/* A block of further pairs; *is_extended: another follows. */
int ustar_read_pairs(const uint8_t block[USTAR_BLOCK_BYTES],
                     struct ustar_pair pairs[USTAR_SPARSE_EXTENSION_PAIRS], bool *is_extended,
                     struct err *e);

#endif
