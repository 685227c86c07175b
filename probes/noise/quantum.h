/*
 * quantum: a fixed piece of work, the same instructions on every host of an architecture, so that
 * the time it takes is the speed of the processor.
 *
 * Integer: QUANTUM_STEPS steps of four independent xorshift generators, 24 operations a step on
 * registers alone; about a millisecond at 3 GHz. Four, so that the processor's width is used and a
 * neighbour on the other thread of the core shows. Memory: QUANTUM_LOADS loads, each of which needs
 * the one before.
 * SOURCE: G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 2003 (13, 7, 17).
 */
#ifndef PROBES_NOISE_QUANTUM_H
#define PROBES_NOISE_QUANTUM_H

#include <stdint.h>

#include "probes/noise/ring.h"

enum {
    QUANTUM_CHAINS = 4,
    QUANTUM_STEPS = 400000,
    QUANTUM_LOADS = 8192
};

/* One piece of integer work on a state of which no part is 0. */
void quantum_integer(uint64_t state[QUANTUM_CHAINS]);
/* One piece of loads, from that node; the node it ended at. */
uint32_t quantum_memory(const struct ring *ring, uint32_t from);

#endif
