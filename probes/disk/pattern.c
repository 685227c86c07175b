#include "probes/disk/pattern.h"

#include <string.h>

enum {
    PATTERN_TOUCH_EVERY = 512
};

void pattern_init(struct pattern *p, uint64_t seed, uint64_t file_bytes, uint32_t block_bytes)
{
    prng_init_named(&p->prng, seed, "pattern");
    p->block_bytes = block_bytes;
    p->blocks = file_bytes / block_bytes;
}

uint64_t pattern_offset(struct pattern *p)
{
    return prng_below(&p->prng, p->blocks) * p->block_bytes;
}

void pattern_fill(struct pattern *p, void *bytes, size_t size)
{
    prng_fill(&p->prng, bytes, size);
}

void pattern_touch(struct pattern *p, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    uint64_t word = prng_next(&p->prng);
    for (size_t i = 0; i + sizeof word <= size; i += PATTERN_TOUCH_EVERY) {
        memcpy(at + i, &word, sizeof word);
        word += UINT64_C(0x9e3779b97f4a7c15);
    }
}
