/*
 * rota: the CPUs in turns. Which CPU is looked at next, and for how long at a time. Pure.
 */
#ifndef PROBES_NOISE_ROTA_H
#define PROBES_NOISE_ROTA_H

#include <stdint.h>

/* Shorter turns see less of a thief that comes every 10 or 100 ms. */
#define ROTA_TURN_NS_MIN UINT64_C(20000000)

struct rota {
    const uint32_t *cpus; /* borrowed */
    unsigned count;       /* at least 1 */
    unsigned next;        /* whose turn is next */
};

/* The first is drawn by the seed: where there is no time for all, another run sees others. */
void rota_init(struct rota *r, const uint32_t *cpus, unsigned count, uint64_t seed);
/* Its index; the next one then is the next. */
unsigned rota_take(struct rota *r);
/*
 * Turns in a repetition of spin_ns of spinning, so that in so many repetitions each CPU has had one
 * where that is possible with turns that are not too short: few long ones rather than many.
 */
unsigned rota_turns(const struct rota *r, uint64_t spin_ns, uint64_t repetitions);

#endif
