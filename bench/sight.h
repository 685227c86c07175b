/*
 * sight: what the host has counted by one moment, for the witness: two of them make what was
 * witnessed between.
 */
#ifndef BENCH_SIGHT_H
#define BENCH_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/crowd.h"
#include "probes/kit/pressure.h"
#include "probes/kit/result.h"
#include "probes/kit/steal.h"
#include "probes/kit/throttle.h"

/* Below, what others did is no rate: it is in ticks of 10 ms, and read one after another. */
#define SIGHT_OTHERS_NS_MIN UINT64_C(200000000)

/* By what is looked; all borrowed. */
struct sight_eye {
    int proc_fd;
    const struct throttle *throttle;
    struct crowd *crowd;
};

struct sight {
    uint64_t at_ns;
    struct steal steal;
    struct pressure pressure;
    struct throttle_now throttle;
    uint64_t ours_ns; /* CPU time of ours; UINT64_MAX: not known */
    uint64_t ours_bytes, all_bytes;
    bool throttled_known, io_known;
};

/* io: also what was read and written, which is dearer. */
void sight_take(const struct sight_eye *eye, bool io, struct sight *s);
/* What it tells of the time from a to b; what needs more than that is NAN, and of others also what
 * needs more than SIGHT_OTHERS_NS_MIN. */
struct witnessed sight_difference(const struct sight *a, const struct sight *b);
void sight_release(struct sight *s); /* idempotent */

#endif
