#include "probes/noise/rota.h"

void rota_init(struct rota *r, const uint32_t *cpus, unsigned count, uint64_t seed)
{
    *r = (struct rota){ .cpus = cpus, .count = count, .next = (unsigned)(seed % count) };
}

unsigned rota_take(struct rota *r)
{
    unsigned taken = r->next;
    r->next = (taken + 1) % r->count;
    return taken;
}

unsigned rota_turns(const struct rota *r, uint64_t spin_ns, uint64_t repetitions)
{
    uint64_t times = repetitions ? repetitions : 1;
    uint64_t wanted = (r->count + times - 1) / times;
    uint64_t most = spin_ns / ROTA_TURN_NS_MIN;
    uint64_t turns = wanted < most ? wanted : most;
    return turns ? (unsigned)turns : 1;
}
