/*
 * ring: memory whose every node names the next, in one cycle over all of them in random order, so
 * that no processor guesses the next address. A node is a cache line. Larger than the last-level
 * cache, a walk along it is the latency of memory. Read by many threads at once.
 *
 * Small pages: a walk includes what finding a page costs, as it does for most programs, and it is
 * the same whether the kernel has a huge page at hand or not.
 * SOURCE: one cycle by S. Sattolo, "An algorithm to generate a random cyclic permutation", 1986.
 */
#ifndef PROBES_NOISE_RING_H
#define PROBES_NOISE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    RING_NODE_BYTES = 64,
    RING_CACHES = 4,        /* times the last-level cache: at most a quarter of the loads hit it */
    RING_MEMORY_SHARE = 16, /* at most this part of the RAM; the order takes a 16th of it again */
    RING_FREE_SHARE = 4     /* and of what is free */
};

#define RING_BYTES_LEAST   (UINT64_C(64) << 20)
#define RING_BYTES_UNKNOWN (UINT64_C(256) << 20) /* where nobody says how large the cache is */
#define RING_BYTES_MOST    (UINT64_C(1) << 30)   /* half a second to make */

struct ring {
    unsigned char *base; /* owned; NULL when closed */
    uint64_t bytes;
    uint32_t nodes;
};

/*
 * How large it should be for a cache (0: not known), given the RAM and what of it is free (0: not
 * known). Whole pages. 0 when memory has no room for one that is twice the cache.
 */
uint64_t ring_size(uint64_t cache_bytes, uint64_t memory_bytes, uint64_t free_bytes);
/* bytes: a multiple of the node, 2 nodes at least. Every page is touched. */
int ring_open(struct ring *r, uint64_t bytes, uint64_t seed, struct err *e);
void ring_release(struct ring *r); /* idempotent */

static inline uint32_t ring_next(const struct ring *r, uint32_t node)
{
    return *(const uint32_t *)(const void *)(r->base + (size_t)node * RING_NODE_BYTES);
}

#endif
