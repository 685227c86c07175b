#include "probes/kit/stall.h"

/* An hour's stall at 1 ms: beyond, the histogram has clamped long since. */
enum {
    STALL_SWALLOWED_MAX = 3600000
};

void stall_record(struct hist *h, uint64_t late_ns, uint64_t interval_ns)
{
    hist_record(h, late_ns);
    for (unsigned i = 0; late_ns >= interval_ns && i < STALL_SWALLOWED_MAX; i++) {
        late_ns -= interval_ns;
        hist_record(h, late_ns);
    }
}

uint64_t stall_next_due(uint64_t due_ns, uint64_t late_ns, uint64_t interval_ns)
{
    return due_ns + (late_ns / interval_ns + 1) * interval_ns;
}
