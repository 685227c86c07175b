#include "probes/net/sync.h"

#include <stdbool.h>
#include <sys/timex.h>

#include "probes/kit/clk.h"
#include "probes/net/stamp.h"

/* SOURCE: Linux kernel/time/ntp.c, NTP_PHASE_LIMIT: what an unsynchronised clock claims. */
static const uint64_t unknown_us = 16000000;

uint16_t sync_error_estimate(void)
{
    struct timex t = { .modes = 0 };
    int state = adjtimex(&t);
    bool known = state >= 0 && t.maxerror > 0;
    bool synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
    uint64_t error_us = known ? (uint64_t)t.maxerror : unknown_us;
    return stamp_error_estimate(synchronised, error_us * CLK_NS_PER_US);
}
