/*
 * frame: messages between the runner and its children over a pipe or socket: one byte of type, four
 * of length (host order; both ends are one program), then the payload.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum frame_type {
    FRAME_PROGRESS = 'P', /* the figure so far, text */
    FRAME_PEERS = 'N',    /* a result comes for each of these names, each ended by a NUL */
    FRAME_RESULT = 'R',   /* a document fragment; of several peers one each */
    FRAME_ERROR = 'E',    /* a struct err: why not */
    FRAME_MARK = 'M',     /* to the witness: what did you see since the last mark? */
    FRAME_SEEN = 'S',     /* a struct witnessed */
    FRAME_FINISH = 'F',   /* to the witness: send your result and end */
};

/* Blocks until written; ERR_IO when the other end is gone. */
int frame_write(int fd, enum frame_type type, const void *bytes, size_t size, struct err *e);

enum frame_state {
    FRAME_WHOLE,
    FRAME_PARTIAL,
    FRAME_BROKEN
};

/*
 * Takes the first whole frame out of *in (bytes collected so far) into *payload. FRAME_BROKEN: the
 * length is beyond what a buf holds.
 */
enum frame_state frame_take(struct buf *in, enum frame_type *type, struct buf *payload);

/* Reads one frame by the deadline (CLOCK_MONOTONIC). ERR_TIMEOUT, or ERR_IO at the end of the
 * stream. */
int frame_read(int fd, uint64_t deadline_ns, enum frame_type *type, struct buf *payload,
               struct err *e);

#endif
