/*
 * ladder: how deep a queue still pays. Depths 1, 2, 4 ... are tried until doubling gains less than
 * LADDER_GAIN_PERCENT; the last depth that gained is the knee. Arithmetic only: who climbs
 * measures.
 */
#ifndef PROBES_DISK_LADDER_H
#define PROBES_DISK_LADDER_H

#include <stdbool.h>

enum {
    LADDER_GAIN_PERCENT = 5
};

struct ladder {
    unsigned depth; /* to try */
    unsigned depth_max;
    unsigned knee_depth; /* 0 until something was tried */
    double knee_rate;
    bool again; /* this depth gained nothing once: one stall must not end the climb */
};

void ladder_init(struct ladder *l, unsigned depth_max);
/* What l->depth reached, I/Os a second. Whether to try on, at the new l->depth. */
bool ladder_climb(struct ladder *l, double rate);

#endif
