/*
 * unpack: one layer into one directory, as a container runtime does it today: one stream,
 * decompressed and applied by one thread, entry by entry (apply.h). Whole layers are unpacked one
 * after the other, each into a directory of its own, as the overlay snapshotter does.
 *
 * Truncated or broken streams and tars, garbage behind them, and what apply.h refuses are ERR_DATA
 * with the entry where it happened.
 *
 * Memory: the buffers are allocated by unpack_open. While unpacking, libarchive allocates: its
 * reader (some 100 kB a layer) and the names of each entry. It offers no other way, and runtimes
 * pay the same. One thread a struct.
 */
#ifndef PROBES_IMAGE_UNPACK_H
#define PROBES_IMAGE_UNPACK_H

#include "probes/image/apply.h"
#include "probes/image/stream.h"
#include "probes/kit/err.h"

struct unpack {
    struct stream stream;
    struct apply apply;
    struct archive_entry *entry; /* libarchive's; owned */
    struct err err;              /* why the stream ended, which libarchive cannot carry */
};

int unpack_open(struct unpack *u, struct err *e);
void unpack_release(struct unpack *u); /* idempotent */

/* dir_fd: a directory that may be written in; borrowed. *count is added to. */
int unpack_layer(struct unpack *u, const struct stream_source *source, int dir_fd,
                 const struct apply_limits *limits, struct apply_count *count, struct err *e);

/* Decompresses through the same buffers and drops the bytes: inflate alone. */
int unpack_drop(struct unpack *u, const struct stream_source *source,
                const struct apply_limits *limits, uint64_t *stream_bytes, struct err *e);

#endif
