/*
 * buffers: aligned memory for direct I/O, one buffer a slot, filled with incompressible bytes (and
 * so touched) when opened.
 */
#ifndef PROBES_DISK_BUFFERS_H
#define PROBES_DISK_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#include "probes/disk/engine.h"
#include "probes/kit/err.h"

enum {
    BUFFERS_ALIGNMENT = 4096 /* at least the logical block of any disk */
};

struct buffers {
    void *items[ENGINE_DEPTH_MAX];
    unsigned count;
    size_t bytes; /* of each */
    void *memory; /* owned */
};

/* bytes is a multiple of BUFFERS_ALIGNMENT; count 1..ENGINE_DEPTH_MAX. Same seed, same bytes. */
int buffers_open(struct buffers *b, unsigned count, size_t bytes, uint64_t seed, struct err *e);
/* The bytes of buffers_open again, after an engine was tried on them. */
void buffers_fill(struct buffers *b, uint64_t seed);
void buffers_release(struct buffers *b); /* idempotent */

#endif
