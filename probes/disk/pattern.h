/*
 * pattern: which block is next, and what is written into it. All from the seed.
 */
#ifndef PROBES_DISK_PATTERN_H
#define PROBES_DISK_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/prng.h"

enum pattern_order {
    PATTERN_SEQUENTIAL, /* from the start, and again from the start */
    PATTERN_RANDOM      /* uniform over all blocks, with replacement, as fio's norandommap */
};

enum {
    PATTERN_STAMP_STEP = 512 /* a stamp in each: no sector is ever written twice alike */
};

struct pattern {
    enum pattern_order order;
    uint32_t block_bytes;
    uint64_t blocks;
    uint64_t next;   /* block, sequential order */
    uint64_t serial; /* of the next stamp */
    struct prng prng;
};

/* span_bytes is at least block_bytes; a rest smaller than a block is never touched. */
void pattern_init(struct pattern *p, enum pattern_order order, uint64_t span_bytes,
                  uint32_t block_bytes, uint64_t seed);

/* Offset in bytes, a multiple of block_bytes. */
static inline uint64_t pattern_next(struct pattern *p)
{
    uint64_t block = p->next;
    if (p->order == PATTERN_RANDOM)
        block = prng_below(&p->prng, p->blocks);
    else
        p->next = block + 1 < p->blocks ? block + 1 : 0;
    return block * p->block_bytes;
}

/* Whether the next one is a write, for so many of a hundred; 0 and 100 draw nothing. */
static inline bool pattern_writes(struct pattern *p, unsigned percent)
{
    if (percent == 0 || percent >= 100)
        return percent != 0;
    return prng_below(&p->prng, 100) < percent;
}

/*
 * Makes incompressible bytes new ones: 8 bytes of each PATTERN_STAMP_STEP change, so that neither
 * compression nor deduplication below us can take a write for one it has seen. size is a multiple
 * of PATTERN_STAMP_STEP.
 */
void pattern_stamp(struct pattern *p, void *bytes, size_t size);

#endif
