#include "probes/net/order.h"

void order_begin(struct order *o, uint32_t first)
{
    *o = (struct order){ .expected = first };
}

/* How many arrivals ago the earliest of the later packets came; the one now is number `arrived`. */
static uint32_t extent(const struct order *o, uint32_t sequence)
{
    uint64_t known = o->arrived < ORDER_REMEMBERED ? o->arrived : ORDER_REMEMBERED;
    for (uint64_t ago = known; ago > 0; ago--) {
        uint32_t other = o->recent[(o->arrived - ago) % ORDER_REMEMBERED];
        if ((int32_t)(other - sequence) > 0)
            return (uint32_t)ago;
    }
    return 0;
}

void order_arrived(struct order *o, uint32_t sequence)
{
    if ((int32_t)(sequence - o->expected) < 0) {
        uint32_t e = extent(o, sequence);
        o->reordered++;
        o->extent_max = e > o->extent_max ? e : o->extent_max;
    } else {
        o->expected = sequence + 1;
    }
    o->recent[o->arrived++ % ORDER_REMEMBERED] = sequence;
}
