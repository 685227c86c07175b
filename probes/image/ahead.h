/*
 * ahead: bytes made by a thread of their own, some blocks ahead of who reads them. How containerd
 * reads zstd, whose decoder runs in goroutines, and what a program decompresses: a goroutine takes
 * it from the pipe, 32 KiB at a time, and waits until the reader has taken it all.
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

#include "probes/image/surcharge.h"
#include "probes/kit/err.h"

enum {
    AHEAD_BLOCKS_MAX = 4,
    AHEAD_BLOCK_BYTES = 128 << 10
};

/* Where the bytes come from: up to `room` of them; *size is 0 at the end. */
typedef int ahead_make(void *arg, uint8_t *bytes, size_t room, size_t *size, struct err *e);

struct ahead_conf {
    ahead_make *make;
    void *arg;
    unsigned blocks;  /* 1..AHEAD_BLOCKS_MAX; with 1 the two work by turns */
    size_t room;      /* of a block, up to AHEAD_BLOCK_BYTES */
    double surcharge; /* of the CPU time that making takes, see surcharge.h; and */
    double block_ns;  /* for each block */
};

enum ahead_state {
    AHEAD_IDLE, /* waits for ahead_start */
    AHEAD_RUNS,
    AHEAD_HALTING, /* to the thread: stop soon */
    AHEAD_LEAVING
};

struct ahead_block {
    uint8_t *bytes; /* owned, AHEAD_BLOCK_BYTES */
    size_t size;    /* 0: the end, or a failure */
};

struct ahead {
    pthread_t thread;
    bool is_open;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum ahead_state state;
    struct ahead_block blocks[AHEAD_BLOCKS_MAX];
    uint64_t made, taken; /* blocks; what lies between is ready to read, the first one being read */
    bool is_reading;      /* block `taken` is in the reader's hands */
    struct err err;
    struct ahead_conf conf;
    uint64_t spent_ns; /* of surcharge, by the thread */
};

int ahead_open(struct ahead *a, struct err *e);
void ahead_release(struct ahead *a); /* idempotent; stops it */
/* conf->arg is the thread's until ahead_stop. */
void ahead_start(struct ahead *a, const struct ahead_conf *conf);
/* Whether ahead_read would not wait, within so many milliseconds. */
bool ahead_wait(struct ahead *a, int timeout_ms);
/* The next block, valid until the next call; *size is 0 at the end. */
int ahead_read(struct ahead *a, const uint8_t **bytes, size_t *size, struct err *e);
/* Returns when the thread has let go of conf->arg. Idempotent. */
void ahead_stop(struct ahead *a);

#endif
