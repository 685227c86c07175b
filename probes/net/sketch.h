/*
 * sketch: a small histogram of one direction of one connection: 3 kB, where a hist takes 300. A
 * value is known to 1.6 %, from 1 us to 68 s; what lies outside counts as the nearest.
 */
#ifndef PROBES_NET_SKETCH_H
#define PROBES_NET_SKETCH_H

#include <stdint.h>

enum {
    SKETCH_STEPS_BITS = 5, /* 32 steps in each doubling */
    SKETCH_LOWEST_BITS = 10,
    SKETCH_DOUBLINGS = 26,
    SKETCH_COUNTS = SKETCH_DOUBLINGS << SKETCH_STEPS_BITS
};

struct sketch {
    uint32_t counts[SKETCH_COUNTS];
    uint64_t total;
};

void sketch_record(struct sketch *s, uint64_t value_ns);
/* The middle of the step that holds the nearest rank, q in 0..1; 0 when empty. */
uint64_t sketch_quantile(const struct sketch *s, double q);

#endif
