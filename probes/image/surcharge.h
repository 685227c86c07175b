/*
 * surcharge: CPU time that this process spends for the runtime's sake: what containerd's code costs
 * beside ours for the same work. It is spent and not only added up, in the thread and at the place
 * where the runtime would: so it waits for the same CPUs, and what runs beside it goes on.
 */
#ifndef PROBES_IMAGE_SURCHARGE_H
#define PROBES_IMAGE_SURCHARGE_H

#include <stdint.h>

struct surcharge {
    double owed_ns;    /* not spent yet */
    uint64_t spent_ns; /* CPU time */
};

/* Adds to what is owed; spends it once it is worth looking at the clock. */
void surcharge_owe(struct surcharge *s, double ns);
/* Spends what is owed. */
void surcharge_settle(struct surcharge *s);

#endif
