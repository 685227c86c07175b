/*
 * lane: one layer on its way from the stored bytes to the files, in three stages that may run at
 * the same time on different threads, joined by a ring of blocks:
 *
 *     expand   reads, digests what is stored, inflates into the next block
 *     hash     digests the tar, block by block
 *     place    parses the tar and makes the files
 *
 * A stage takes one block a call. One thread a stage at a time; who calls which when is the
 * pipeline's to say, which also keeps the three counts under its lock. The last block is empty:
 * with it the digests are compared and the directories closed.
 * A stop and the deadline end placing at the next entry and the sync at once.
 * All memory is allocated by lane_open; but see stream.h for libzstd.
 */
#ifndef PROBES_IMAGE_LANE_H
#define PROBES_IMAGE_LANE_H

#include "probes/image/flush.h"
#include "probes/image/oci.h"
#include "probes/image/placer.h"
#include "probes/image/rules.h"
#include "probes/image/stream.h"
#include "probes/image/untar.h"
#include "probes/kit/err.h"

enum {
    LANE_BLOCKS = 8 /* of STREAM_OUT_BYTES each: a second-level cache holds some */
};

enum lane_stage {
    LANE_EXPAND,
    LANE_HASH,
    LANE_PLACE,
    LANE_STAGES
};

/* What a layer's time goes into. */
enum lane_part {
    LANE_PART_READ, /* and the digest of what is stored */
    LANE_PART_INFLATE,
    LANE_PART_HASH, /* of the tar */
    LANE_PART_PARSE,
    LANE_PART_METADATA, /* creating, owners, attributes, modes, times, closing; whole batches */
    LANE_PART_DATA,     /* writing content */
    LANE_PART_SYNC,
    LANE_PARTS
};

struct lane_time {
    uint64_t wall_ns, cpu_ns; /* of the threads that did it, added up */
};

struct lane {
    const struct oci_layer *layer; /* borrowed; NULL: no layer is on its way */
    int dir_fd;                    /* owned: where it goes */
    bool syncs;                    /* syncfs when all is placed */
    /* Kept by the pipeline under its lock. */
    uint64_t done[LANE_STAGES]; /* blocks */
    bool is_busy[LANE_STAGES];
    bool is_expanded; /* the empty block is made */
    /* A stage's own. */
    struct stream stream;
    struct sha256_ctx stored, tar;
    struct untar untar;
    struct placer placer;
    struct batch batch; /* for whom says that files are to be made by it; may not be open */
    struct rules_count count;
    uint8_t *blocks; /* owned */
    size_t sizes[LANE_BLOCKS];
    uint64_t metadata_ns, sync_ns;
    struct flush flush;
    struct lane_time stages[LANE_STAGES]; /* of this layer so far */
};

int lane_open(struct lane *l, struct err *e);
void lane_release(struct lane *l); /* idempotent, also on a zeroed one */

/* dir_fd is taken over, also by a failure. */
int lane_start(struct lane *l, const struct oci_layer *layer, const struct placer_site *site,
               int dir_fd, const struct rules_limits *limits, struct err *e);
/* Closes what is open; idempotent. */
void lane_stop(struct lane *l);

/* Whether the stage has a block to work on, and none that works on it. */
bool lane_can(const struct lane *l, enum lane_stage stage);
/* Whether the block that this stage has just done is the empty one, and it was made. */
bool lane_made_last(const struct lane *l, enum lane_stage stage);
bool lane_is_over(const struct lane *l);
/* Does the stage's next block. ERR_DATA for what is no sound layer or has another digest. */
int lane_do(struct lane *l, enum lane_stage stage, struct err *e);
/* Adds what the layer has taken so far. No stage is at work. */
void lane_tell(const struct lane *l, struct lane_time parts[LANE_PARTS]);

#endif
