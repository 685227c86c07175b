/*
 * gap_tell: what the loop found, in sentences and events. The sentence names the thief: it is what
 * a user takes to the provider.
 */
#ifndef PROBES_NOISE_GAP_TELL_H
#define PROBES_NOISE_GAP_TELL_H

#include <stdint.h>

#include "probes/kit/result.h"
#include "probes/noise/hunt.h"

/* Over CPUs. */
struct gap_tell_sum {
    struct inquest_blame blame; /* observed_ns: spun */
    uint64_t gaps, lost_ns;
};

struct gap_tell {
    const struct hunt *hunt;
    struct hunt_cpu *cpus; /* borrowed; put in order, the one that lost the largest share first */
    unsigned count;
    const struct hunt_cpu *loose; /* where the loop ran bound to none */
    bool no_interrupts;           /* were counted */
    uint64_t run_start_ns;
};

void gap_tell_add(struct gap_tell_sum *sum, const struct hunt *h, const struct hunt_cpu *c);
/*
 * "CPU 1 lost 50.1 % of its time in 638 gaps, mostly of 4.10 ms, the longest 9.02 ms: hypervisor,
 * unreported 99 %." Pure. name is "CPU 1"; nothing spun is "".
 */
void gap_tell_sentence(const char *name, const struct hunt_cpu *c, const struct inquest_blame *b,
                       char *text, size_t size);
/* Notes: the worst CPUs, what the others lost at most, which were not looked at and why. */
void gap_tell_all(struct gap_tell *t, struct result *r);
/* The longest gaps. */
void gap_tell_events(const struct gap_tell *t, struct result *r);

#endif
