#include "probes/kit/outbox.h"

bool outbox_put(struct outbox *o, const struct episode *e)
{
    uint32_t put = atomic_load_explicit(&o->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&o->taken, memory_order_acquire) >= OUTBOX_EPISODES) {
        o->missed++;
        return false;
    }
    o->episodes[put % OUTBOX_EPISODES] = *e;
    atomic_store_explicit(&o->put, put + 1, memory_order_release);
    return true;
}

unsigned outbox_take(struct outbox *o, struct episode *into, unsigned most)
{
    uint32_t taken = atomic_load_explicit(&o->taken, memory_order_relaxed);
    uint32_t there = atomic_load_explicit(&o->put, memory_order_acquire) - taken;
    unsigned count = there < most ? there : most;
    for (unsigned i = 0; i < count; i++)
        into[i] = o->episodes[(taken + i) % OUTBOX_EPISODES];
    atomic_store_explicit(&o->taken, taken + count, memory_order_release);
    return count;
}
