#include "probes/noise/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "probes/kit/auto.h"
#include "probes/kit/prng.h"

enum {
    RING_PAGE_BYTES = 65536 /* the largest page that a Linux architecture usually has */
};

static uint64_t ring_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t ring_size(uint64_t cache_bytes, uint64_t memory_bytes, uint64_t free_bytes)
{
    uint64_t wanted =
        cache_bytes ? ring_least(cache_bytes, RING_BYTES_MOST) * RING_CACHES : RING_BYTES_UNKNOWN;
    wanted = wanted < RING_BYTES_LEAST ? RING_BYTES_LEAST : ring_least(wanted, RING_BYTES_MOST);
    if (memory_bytes)
        wanted = ring_least(wanted, memory_bytes / RING_MEMORY_SHARE);
    if (free_bytes)
        wanted = ring_least(wanted, free_bytes / RING_FREE_SHARE);
    wanted -= wanted % RING_PAGE_BYTES;
    return wanted / 2 < (cache_bytes ? cache_bytes : RING_BYTES_LEAST / 2) ? 0 : wanted;
}

/* A cycle over all: each node is swapped with one of those before it, never with itself. */
static void ring_order(uint32_t *next, uint32_t nodes, uint64_t seed)
{
    struct prng prng;
    prng_init_named(&prng, seed, "ring");
    for (uint32_t i = 0; i < nodes; i++)
        next[i] = i;
    for (uint32_t i = nodes - 1; i > 0; i--) {
        uint32_t k = (uint32_t)prng_below(&prng, i);
        uint32_t kept = next[i];
        next[i] = next[k];
        next[k] = kept;
    }
}

int ring_open(struct ring *r, uint64_t bytes, uint64_t seed, struct err *e)
{
    *r = (struct ring){ .bytes = bytes, .nodes = (uint32_t)(bytes / RING_NODE_BYTES) };
    AUTO_FREE uint32_t *next = malloc((size_t)r->nodes * sizeof *next);
    void *base =
        !next ? MAP_FAILED
              : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return err_set(e, ERR_NO_RESOURCE, ENOMEM, "take %llu MiB to walk along",
                       (unsigned long long)(bytes >> 20));
    r->base = base;
    (void)madvise(base, bytes, MADV_NOHUGEPAGE); /* a kernel without them refuses */
    ring_order(next, r->nodes, seed);
    for (uint32_t i = 0; i < r->nodes; i++)
        *(uint32_t *)(void *)(r->base + (size_t)i * RING_NODE_BYTES) = next[i];
    return 0;
}

void ring_release(struct ring *r)
{
    if (r->base)
        (void)munmap(r->base, r->bytes);
    *r = (struct ring){ 0 };
}
