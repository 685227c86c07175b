#include "probes/noise/quantum.h"

static inline uint64_t quantum_step(uint64_t x)
{
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    /* In a register of its own after each step: nothing is folded, and nothing made a vector. */
    __asm__ volatile("" : "+r"(x));
    return x;
}

void quantum_integer(uint64_t state[QUANTUM_CHAINS])
{
    uint64_t a = state[0];
    uint64_t b = state[1];
    uint64_t c = state[2];
    uint64_t d = state[3];
    for (unsigned i = 0; i < QUANTUM_STEPS; i++) {
        a = quantum_step(a);
        b = quantum_step(b);
        c = quantum_step(c);
        d = quantum_step(d);
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
}

uint32_t quantum_memory(const struct ring *ring, uint32_t from)
{
    uint32_t at = from;
    for (unsigned i = 0; i < QUANTUM_LOADS; i++) {
        at = ring_next(ring, at);
        __asm__ volatile("" : "+r"(at));
    }
    return at;
}
