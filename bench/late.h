/*
 * late: what to say of a probe whose turn came late: those before it took longer than planned, as
 * on a disk that hangs, and the run's time ran out.
 */
#ifndef BENCH_LATE_H
#define BENCH_LATE_H

#include <stdint.h>

#include "probes/kit/result.h"

/*
 * A note, and the reason of a failure, when its slot was half of the planned one or less; a failure
 * for want of time is then not the probe's, nor the disk's.
 */
void late_tell(struct result *r, uint64_t slot_ns, uint64_t planned_ns);

#endif
