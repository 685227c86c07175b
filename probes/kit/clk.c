#include "probes/kit/clk.h"

#include <stdlib.h>

enum {
    CLK_COST_ROUNDS = 33,
    CLK_COST_CALLS = 64
};

static uint64_t clk_read_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return clk_of_timespec(t);
}

uint64_t clk_realtime_ns(void)
{
    return clk_read_ns(CLOCK_REALTIME);
}

uint64_t clk_thread_cpu_ns(void)
{
    return clk_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clk_process_cpu_ns(void)
{
    return clk_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int clk_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

uint64_t clk_cost_ns(void)
{
    uint64_t rounds_ns[CLK_COST_ROUNDS];
    for (unsigned r = 0; r < CLK_COST_ROUNDS; r++) {
        uint64_t start = clk_now_ns();
        uint64_t last = start;
        for (unsigned i = 0; i < CLK_COST_CALLS; i++)
            last = clk_now_ns();
        rounds_ns[r] = (last - start) / CLK_COST_CALLS;
    }
    qsort(rounds_ns, CLK_COST_ROUNDS, sizeof rounds_ns[0], clk_order);
    return rounds_ns[CLK_COST_ROUNDS / 2];
}

int clk_sleep_until(uint64_t when_ns)
{
    struct timespec when = clk_timespec(when_ns);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == 0 ? 0 : -1;
}
