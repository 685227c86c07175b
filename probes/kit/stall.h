/*
 * stall: the arithmetic of a periodic sleeper, without the sleeping.
 *
 * A sleeper that wakes `late` after its deadline was stalled that long. If that swallowed further
 * deadlines, each of them was late too, by one interval less each: recording them as well keeps
 * percentiles from being flattered (coordinated omission). SOURCE: G. Tene, jHiccup.
 */
#ifndef PROBES_KIT_STALL_H
#define PROBES_KIT_STALL_H

#include <stdint.h>

#include "probes/kit/hist.h"

/*
 * Records late, late - interval, late - 2 interval, ... down to 0: as many samples as
 * stall_next_due moves the deadline on.
 */
void stall_record(struct hist *h, uint64_t late_ns, uint64_t interval_ns);
/* The first deadline of the grid after the wake-up. */
uint64_t stall_next_due(uint64_t due_ns, uint64_t late_ns, uint64_t interval_ns);

#endif
