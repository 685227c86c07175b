/*
 * inflow: the tar stream of one layer, as the runtime gets it: decoded where the runtime decodes
 * it, in its chunks, and hashed on the way (the diff_id).
 *
 *     gzip by a program      read from its pipe, 32 KiB at a time (filter.h)
 *     gzip of the runtime's  decoded by the reading thread, 32 KiB at a time
 *     zstd                   decoded by a thread that runs ahead (ahead.h)
 *     not compressed         read from the file, 32 KiB at a time
 *
 * With a runtime, what its code costs more is spent on top (surcharge.h); without one, all is
 * decoded by the reading thread and nothing is spent. Buffers and the thread are made by
 * inflow_open, processes by inflow_start. One reader.
 */
#ifndef PROBES_IMAGE_INFLOW_H
#define PROBES_IMAGE_INFLOW_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/ahead.h"
#include "probes/image/filter.h"
#include "probes/image/runtime.h"
#include "probes/image/stir.h"
#include "probes/image/stream.h"
#include "probes/image/surcharge.h"
#include "probes/kit/err.h"

enum inflow_way {
    INFLOW_HERE,
    INFLOW_PROGRAM,
    INFLOW_AHEAD
};

struct inflow {
    const struct runtime *runtime; /* borrowed; may be NULL */
    enum inflow_way way;
    double decode_surcharge; /* of the decoding, where it is done here */
    double hash_byte_ns;     /* that the runtime takes; 0: as we */
    double read_ns;          /* of the runtime's code, for each read of what a program decoded */
    struct stream stream;
    struct filter filter;
    struct ahead ahead;
    struct stir stir;
    const uint8_t *left_at; /* decoded and not handed out */
    size_t left;
    uint64_t out_bytes, out_max;
    struct sha256_ctx hash;
    struct surcharge spent; /* by the reader */
    uint64_t beside_ns;     /* by the other thread; valid after inflow_stop */
};

int inflow_open(struct inflow *i, const struct runtime *runtime, struct err *e);
void inflow_release(struct inflow *i); /* idempotent */
/* More than out_max bytes are refused. */
int inflow_start(struct inflow *i, const struct stream_source *source, uint64_t out_max,
                 struct err *e);
/* Whether inflow_read has something to do; false: nothing came within some 50 ms. */
bool inflow_wait(struct inflow *i);
/* The next 32 KiB at most, valid until the next call; *size is 0 at the end. */
int inflow_read(struct inflow *i, const uint8_t **bytes, size_t *size, struct err *e);
/* For each read that the runtime would make of what a program decoded: see stir.h. */
void inflow_stir(struct inflow *i, unsigned reads);
/* Ends what still runs, and gives the hash of all that was read. Idempotent but for the hash. */
void inflow_stop(struct inflow *i, uint8_t digest[SHA256_DIGEST_SIZE]);

#endif
