/*
 * pace: an open-loop schedule. Pure: time is an argument, nothing sleeps here.
 *
 * Slot k is due at start + k * interval. A slot is missed when the next one is due too at the
 * moment it is asked for; missed slots are counted and skipped, never bunched.
 */
#ifndef PROBES_KIT_PACE_H
#define PROBES_KIT_PACE_H

#include <stdint.h>

struct pace {
    uint64_t start_ns;
    uint64_t interval_ns;
    uint64_t slot;        /* the next one */
    uint64_t missed;      /* slots skipped */
    uint64_t late_max_ns; /* of those taken */
    uint64_t late_sum_ns;
    uint64_t taken;
};

/* An interval of 0 counts as 1 ns. */
void pace_init(struct pace *p, uint64_t start_ns, uint64_t interval_ns);
/* When the next slot is due. */
uint64_t pace_due_ns(const struct pace *p);
/* Takes the due slot at now (>= due): returns its intended start, skips and counts missed ones. */
uint64_t pace_take(struct pace *p, uint64_t now_ns);
/* 0 before the first slot was taken. */
double pace_late_mean_ns(const struct pace *p);

#endif
