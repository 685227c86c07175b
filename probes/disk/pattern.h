/*
 * pattern: where the next I/O goes and what it carries, from a seed. Uniform random offsets,
 * aligned to the block; payload that does not compress and differs from write to write.
 */
#ifndef PROBES_DISK_PATTERN_H
#define PROBES_DISK_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/prng.h"

struct pattern {
    struct prng prng;
    uint64_t blocks; /* in the file */
    uint32_t block_bytes;
};

/* file_bytes must hold at least one block. */
void pattern_init(struct pattern *p, uint64_t seed, uint64_t file_bytes, uint32_t block_bytes);
uint64_t pattern_offset(struct pattern *p);
/* Fills a buffer afresh: slow, for setup. */
void pattern_fill(struct pattern *p, void *bytes, size_t size);
/* Changes a few words of a filled buffer, so that no two writes are alike: cheap, for the loop. */
void pattern_touch(struct pattern *p, void *bytes, size_t size);

#endif
