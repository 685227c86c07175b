/*
 * sparse: which pieces of a file a tar holds; what lies between them are holes.
 * SOURCE: GNU tar manual, "Storing Sparse Files": old GNU (type S), PAX 0.0, 0.1 and 1.0.
 * The memory is allocated by sparse_open. One thread.
 */
#ifndef PROBES_IMAGE_SPARSE_H
#define PROBES_IMAGE_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/ustar.h"
#include "probes/kit/err.h"

enum {
    SPARSE_PIECES = 65536 /* of one file; GNU tar writes one a hole */
};

struct sparse {
    struct ustar_pair *pieces; /* owned */
    unsigned count;
    bool has_offset; /* PAX 0.0: an offset that waits for its size */
    unsigned now;    /* the piece that is read */
    uint64_t done;   /* bytes of it that were read */
    /* PAX 1.0: the map in front of the content, digits by digits. */
    uint64_t expected; /* numbers still to come, twice the pieces */
    bool has_expected, has_digit;
    uint64_t number;
};

int sparse_open(struct sparse *s, struct err *e);
void sparse_release(struct sparse *s); /* idempotent */
void sparse_start(struct sparse *s);   /* of a new file: no pieces */

/* A piece of size 0 counts for nothing. ERR_DATA: too many. */
int sparse_add(struct sparse *s, const struct ustar_pair *piece, struct err *e);
/* Offsets and sizes in turn, as PAX 0.0 has them. */
int sparse_add_offset(struct sparse *s, uint64_t offset, struct err *e);
int sparse_add_size(struct sparse *s, uint64_t size, struct err *e);
/* "offset,size,offset,size", as PAX 0.1 has them. */
int sparse_add_text(struct sparse *s, const char *text, size_t size, struct err *e);
/* One block of the map of PAX 1.0; *is_whole when it ends there. */
int sparse_add_block(struct sparse *s, const uint8_t block[USTAR_BLOCK_BYTES], bool *is_whole,
                     struct err *e);

/* ERR_DATA: pieces out of order, beyond the file's end, or not as much as is stored. */
int sparse_check(const struct sparse *s, uint64_t stored_bytes, uint64_t real_bytes, struct err *e);
/* Of the next stored bytes: where they lie, and how many (up to max) lie together. */
size_t sparse_next(struct sparse *s, size_t max, uint64_t *offset);

#endif
