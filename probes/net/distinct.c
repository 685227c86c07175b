#include "probes/net/distinct.h"

#include <math.h>

void distinct_note(struct distinct *d, struct origin who)
{
    uint64_t bit = origin_hash(d->seed, who, 0) & (DISTINCT_BITS - 1);
    uint64_t mask = UINT64_C(1) << (bit & 63);
    uint64_t *word = &d->words[bit / 64];
    d->set += (*word & mask) == 0;
    *word |= mask;
}

uint64_t distinct_count(const struct distinct *d)
{
    if (d->set == DISTINCT_BITS)
        return DISTINCT_MAX;
    double zero = 1 - (double)d->set / DISTINCT_BITS;
    double count = -(double)DISTINCT_BITS * log(zero);
    return count < DISTINCT_MAX ? (uint64_t)(count + 0.5) : DISTINCT_MAX;
}
