/*
 * unpack: one layer into one directory, as a container runtime does it today: one stream
 * (inflow.h), applied by one thread, entry by entry (apply.h). Whole layers are unpacked one after
 * the other, each into a directory of its own, as the overlay snapshotter does.
 *
 * Truncated or broken streams and tars, garbage behind them, and what apply.h refuses are ERR_DATA
 * with the entry where it happened.
 *
 * Content is written as the runtime does, in the chunks that the stream comes in. All memory is
 * allocated by unpack_open; but see stream.h for libzstd. One thread a struct.
 */
#ifndef PROBES_IMAGE_UNPACK_H
#define PROBES_IMAGE_UNPACK_H

#include <nettle/sha2.h>
#include <stdint.h>

#include "probes/image/apply.h"
#include "probes/image/inflow.h"
#include "probes/image/untar.h"
#include "probes/image/walk.h"
#include "probes/kit/err.h"

struct unpack {
    struct inflow inflow;
    struct apply apply;
    struct untar untar;
    uint8_t digest[SHA256_DIGEST_SIZE]; /* of the last layer's tar: its diff_id */
    /* CPU time spent for the runtime's sake (surcharge.h): by this thread; by one beside it. */
    uint64_t modelled_ns, beside_ns;
};

/* runtime: whose decoder and costs, borrowed; NULL: decoded by this thread, nothing added. */
int unpack_open(struct unpack *u, const struct runtime *runtime, struct err *e);
void unpack_release(struct unpack *u); /* idempotent */

/* at: a directory that may be written in, and what lies below. *count is added to. */
int unpack_layer(struct unpack *u, const struct stream_source *source, const struct walk *at,
                 const struct rules_limits *limits, struct rules_count *count, struct err *e);

#endif
