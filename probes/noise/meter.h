/*
 * meter: what /proc/stat says of some CPUs, together. Reading allocates nothing.
 */
#ifndef PROBES_NOISE_METER_H
#define PROBES_NOISE_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/statfile.h"

struct meter {
    struct statfile file;
    struct steal all;
};

#define METER_NONE                                                                                 \
    {                                                                                              \
        .file = STATFILE_NONE                                                                      \
    }

/* proc_fd: a directory descriptor of a /proc. The meter is to be released also after a failure. */
int meter_open(struct meter *t, int proc_fd, struct err *e);
void meter_release(struct meter *t); /* idempotent; one that was never opened is METER_NONE */
/* The sum over those of the CPUs, ascending, that are online. -1 also without a steal column. */
int meter_read(struct meter *t, const uint32_t *cpus, unsigned count, struct steal_cpu *sum,
               struct err *e);

#endif
