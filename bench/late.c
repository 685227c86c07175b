#include "bench/late.h"

#include <stdio.h>

#include "probes/kit/clk.h"

void late_tell(struct result *r, uint64_t slot_ns, uint64_t planned_ns)
{
    char why[LIMITS_TEXT_BYTES];
    double had_s = (double)slot_ns / CLK_NS_PER_S;
    double planned_s = (double)planned_ns / CLK_NS_PER_S;
    if (2 * slot_ns > planned_ns)
        return;
    result_note(
        r,
        "It had %.1f s and not the %.1f s planned: what was measured before took longer, and "
        "the time of the run ran out.",
        had_s, planned_s);
    if (r->status != STATUS_FAILED)
        return;
    (void)snprintf(why, sizeof why, "%s", r->reason);
    (void)snprintf(
        r->reason, sizeof r->reason,
        "the time of the run ran out before its turn, and %.1f s of %.1f s were left: %s", had_s,
        planned_s, why);
}
