#include "probes/net/sketch.h"

#include <math.h>

enum {
    STEPS = 1 << SKETCH_STEPS_BITS
};

static uint32_t index_of(uint64_t value_ns)
{
    static const uint64_t lowest = UINT64_C(1) << SKETCH_LOWEST_BITS;
    static const uint64_t highest = (lowest << SKETCH_DOUBLINGS) - 1;
    uint64_t v = value_ns < lowest ? lowest : value_ns > highest ? highest : value_ns;
    uint32_t doubling = 63U - (uint32_t)__builtin_clzll(v);
    uint32_t step = (uint32_t)(v >> (doubling - SKETCH_STEPS_BITS)) - STEPS;
    return ((doubling - SKETCH_LOWEST_BITS) << SKETCH_STEPS_BITS) + step;
}

static uint64_t middle_of(uint32_t index)
{
    uint32_t doubling = (index >> SKETCH_STEPS_BITS) + SKETCH_LOWEST_BITS;
    uint64_t step = UINT64_C(1) << (doubling - SKETCH_STEPS_BITS);
    return (STEPS + (index & (STEPS - 1))) * step + step / 2;
}

void sketch_record(struct sketch *s, uint64_t value_ns)
{
    uint32_t *count = &s->counts[index_of(value_ns)];
    *count += *count < UINT32_MAX;
    s->total++;
}

uint64_t sketch_quantile(const struct sketch *s, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)s->total);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SKETCH_COUNTS; i++) {
        seen += s->counts[i];
        if (s->counts[i] && seen >= rank)
            return middle_of(i);
    }
    return 0;
}
