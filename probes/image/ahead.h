/*
 * ahead: a stream decompressed by a thread of its own, a few blocks ahead of who reads it. How
 * containerd reads zstd, whose decoder runs in goroutines.
 *
 * The thread is made by ahead_open and waits between streams. A block that is being read is not
 * written to. One reader.
 */
#ifndef PROBES_IMAGE_AHEAD_H
#define PROBES_IMAGE_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/image/stream.h"
#include "probes/image/surcharge.h"
#include "probes/kit/err.h"

enum {
    /* SOURCE: klauspost/compress zstd/decoder.go, startStreamDecoder: one block read, one decoded,
     * one handed over, of 128 KiB at most each (RFC 8878 3.1.1.2.4). */
    AHEAD_BLOCKS = 3
};

enum ahead_state {
    AHEAD_IDLE,    /* waits for ahead_start */
    AHEAD_RUNS,
    AHEAD_HALTING, /* to the thread: stop soon */
    AHEAD_LEAVING
};

struct ahead_block {
    uint8_t *bytes; /* owned, STREAM_OUT_BYTES */
    size_t size;    /* 0: the end, or a failure */
};

struct ahead {
    pthread_t thread;
    bool is_open;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum ahead_state state;
    struct ahead_block blocks[AHEAD_BLOCKS];
    uint64_t made, taken; /* blocks; what lies between is ready to read, the first one being read */
    bool is_reading;      /* block `taken` is in the reader's hands */
    bool is_failed;
    struct err err;
    struct stream *stream; /* borrowed: the thread's while it runs */
    double surcharge;      /* see surcharge.h */
    uint64_t spent_ns;     /* of surcharge, by the thread */
};

int ahead_open(struct ahead *a, struct stream *stream, struct err *e);
void ahead_release(struct ahead *a); /* idempotent; stops it */
/* The stream has been started. */
void ahead_start(struct ahead *a, double surcharge);
/* Whether ahead_read would not wait, within so many milliseconds. */
bool ahead_wait(struct ahead *a, int timeout_ms);
/* The next block, valid until the next call; *size is 0 at the end. */
int ahead_read(struct ahead *a, const uint8_t **bytes, size_t *size, struct err *e);
/* Returns when the thread has let go of the stream. Idempotent. */
void ahead_stop(struct ahead *a);

#endif
