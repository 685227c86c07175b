/*
 * pulse: the work done over time, in values of nearly equal length, while it goes on. Room is taken
 * once; beyond it neighbours are joined, and what comes later is joined to the same length.
 */
#ifndef PROBES_NOISE_PULSE_H
#define PROBES_NOISE_PULSE_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct pulse_value {
    uint64_t at_ns; /* CLOCK_MONOTONIC, where it begins */
    uint64_t length_ns;
    uint64_t work;
    double stolen_ns; /* what the kernel says was stolen meanwhile, of all CPUs together */
    double queued_ns; /* that the workers waited for a CPU, all together */
};

struct pulse {
    struct pulse_value *values; /* owned */
    size_t count, room;
    uint64_t span_ns; /* length of one, at least */
    struct pulse_value next;
};

/* room: even, 2 at least. */
int pulse_open(struct pulse *p, uint64_t span_ns, size_t room, struct err *e);
void pulse_release(struct pulse *p); /* idempotent */
/* A stretch of time and what was done in it; allocates nothing. */
void pulse_add(struct pulse *p, const struct pulse_value *v);
/* Work a second of value i. */
double pulse_rate(const struct pulse *p, size_t i);
/* From the first value to the end of the last, without what lay between them: time under load. */
uint64_t pulse_length_ns(const struct pulse *p, size_t first, size_t last);

struct pulse_loss {
    double stolen_ratio, queued_ratio; /* of the time of all CPUs; NAN when there was no time */
};

/* What was lost in the values first..last-1 on so many CPUs. */
struct pulse_loss pulse_loss(const struct pulse *p, size_t first, size_t last, unsigned cpus);

#endif
