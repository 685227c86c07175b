#include "probes/image/surcharge.h"

#include "probes/kit/clk.h"

/* Reading a thread's CPU clock is a system call of some 0.3 us: it is to be lost in what is spent.
 */
#define SURCHARGE_WORTH_NS (20.0 * CLK_NS_PER_US)

void surcharge_settle(struct surcharge *s)
{
    if (s->owed_ns <= 0)
        return;
    uint64_t start_ns = clk_thread_cpu_ns();
    uint64_t now_ns = start_ns;
    while ((double)(now_ns - start_ns) < s->owed_ns)
        now_ns = clk_thread_cpu_ns();
    s->owed_ns -= (double)(now_ns - start_ns);
    s->spent_ns += now_ns - start_ns;
}

void surcharge_owe(struct surcharge *s, double ns)
{
    s->owed_ns += ns;
    if (s->owed_ns >= SURCHARGE_WORTH_NS)
        surcharge_settle(s);
}
