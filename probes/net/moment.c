#include "probes/net/moment.h"

#include "probes/kit/clk.h"

enum {
    MOMENT_NS = CLK_NS_PER_US,
    MOMENT_TRIES = 4,
};

struct session_time moment_now(void)
{
    struct session_time t = { 0 };
    uint64_t before_ns = clk_now_ns();
    for (int i = 0; i < MOMENT_TRIES; i++) {
        t.real_ns = clk_realtime_ns();
        uint64_t after_ns = clk_now_ns();
        t.mono_ns = before_ns + (after_ns - before_ns) / 2;
        if (after_ns - before_ns <= MOMENT_NS)
            break;
        before_ns = after_ns;
    }
    return t;
}
