/*
 * shelf: the named files of an image, in a directory or in a tar.
 *
 * In a directory neither the files nor the directories on the way may be symbolic links (no tool
 * needs them there, but for builds that link to a cache: those are copied by cp -rL first), and
 * what is no regular file is refused without being opened. Archives must be regular files, and not
 * compressed, since layers are read where they lie.
 *
 * One thread while opening; what shelf_take returned is read by anybody.
 */
#ifndef PROBES_IMAGE_SHELF_H
#define PROBES_IMAGE_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/image/catalog.h"
#include "probes/kit/buf.h"
#include "probes/kit/err.h"

struct shelf {
    int fd; /* of the directory or the archive; owned; -1: none */
    bool is_archive;
    struct catalog catalog; /* of an archive */
    int *fds;               /* owned: of what was taken out of a directory */
    unsigned fd_count;
};

/* Bytes on the shelf. */
struct shelf_book {
    int fd; /* the shelf's */
    uint64_t offset, size;
};

/* *s need not be initialised. */
int shelf_open(struct shelf *s, int dir_fd, const char *path, struct err *e);
void shelf_release(struct shelf *s); /* idempotent, also when shelf_open failed */

bool shelf_has(const struct shelf *s, const char *name);
/* Whole, at most out->cap bytes; ERR_DATA beyond. */
int shelf_read(struct shelf *s, const char *name, struct buf *out, struct err *e);
/* Stays open until shelf_release. */
int shelf_take(struct shelf *s, const char *name, struct shelf_book *book, struct err *e);
/* Moves the descriptors of what was taken to the caller, who closes them and frees the array. */
int shelf_surrender(struct shelf *s, int **fds, unsigned *count, struct err *e);

#endif
