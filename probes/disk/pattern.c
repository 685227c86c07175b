#include "probes/disk/pattern.h"

#include <string.h>

void pattern_init(struct pattern *p, enum pattern_order order, uint64_t span_bytes,
                  uint32_t block_bytes, uint64_t seed)
{
    *p = (struct pattern){ .order = order,
                           .block_bytes = block_bytes,
                           .blocks = span_bytes / block_bytes };
    prng_init_named(&p->prng, seed, "pattern");
    p->serial = prng_next(&p->prng);
}

void pattern_stamp(struct pattern *p, void *bytes, size_t size)
{
    char *at = bytes;
    for (size_t i = 0; i + PATTERN_STAMP_STEP <= size; i += PATTERN_STAMP_STEP) {
        /* An odd factor: distinct serials stay distinct, and neighbours look unlike. */
        uint64_t stamp = p->serial++ * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(at + i, &stamp, sizeof stamp);
    }
}
