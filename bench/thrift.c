#include "bench/thrift.h"

#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/sleeper.h"

enum {
    THRIFT_WAKES = 9,            /* odd, so that the median is one of them */
    THRIFT_SLEEPERS_SHARE = 900, /* of one CPU: 0.11 %, and half as much again under load */
    THRIFT_LOOKS_SHARE = 1000    /* the rest is for marks and blocks */
};

#define THRIFT_COST_MAX 0.003 /* beyond that looks are made less often */

#define THRIFT_INTERVAL_NS_MIN (10 * (uint64_t)CLK_NS_PER_MS)
#define THRIFT_INTERVAL_NS_MAX (50 * (uint64_t)CLK_NS_PER_MS)
#define THRIFT_PAUSE_NS_MIN    (100 * (uint64_t)CLK_NS_PER_MS)
#define THRIFT_PAUSE_NS_MAX    (CLK_NS_PER_S / 2) /* else attribution has nothing to go by */

static int thrift_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

uint64_t thrift_wake_ns(void)
{
    uint64_t costs_ns[THRIFT_WAKES];
    struct sleeper s;
    struct episode e;
    sleeper_open(&s);
    for (unsigned i = 0; i < THRIFT_WAKES; i++) {
        uint64_t before_ns = clk_thread_cpu_ns();
        uint64_t due_ns = clk_now_ns() + CLK_NS_PER_MS;
        (void)sleeper_until(&s, due_ns);
        sleeper_tell(&s, due_ns, clk_now_ns(), &e);
        costs_ns[i] = clk_thread_cpu_ns() - before_ns;
    }
    sleeper_release(&s);
    qsort(costs_ns, THRIFT_WAKES, sizeof *costs_ns, thrift_compare);
    return costs_ns[THRIFT_WAKES / 2];
}

struct thrift_sleepers thrift_sleepers(unsigned cpus, uint64_t wake_ns)
{
    struct thrift_sleepers s = { .threads = cpus ? cpus : 1 };
    wake_ns = wake_ns ? wake_ns : 1;
    s.interval_ns = s.threads * wake_ns * THRIFT_SLEEPERS_SHARE;
    if (s.interval_ns < THRIFT_INTERVAL_NS_MIN)
        s.interval_ns = THRIFT_INTERVAL_NS_MIN;
    if (s.interval_ns <= THRIFT_INTERVAL_NS_MAX)
        return s;
    s.interval_ns = THRIFT_INTERVAL_NS_MAX;
    s.threads = (unsigned)(THRIFT_INTERVAL_NS_MAX / THRIFT_SLEEPERS_SHARE / wake_ns);
    s.threads = s.threads ? s.threads : 1;
    return s;
}

uint64_t thrift_pause_ns(uint64_t look_ns, double cost_ratio)
{
    uint64_t pause_ns = look_ns * THRIFT_LOOKS_SHARE;
    pause_ns = pause_ns < THRIFT_PAUSE_NS_MIN ? THRIFT_PAUSE_NS_MIN : pause_ns;
    if (cost_ratio > THRIFT_COST_MAX)
        pause_ns = (uint64_t)((double)pause_ns * (cost_ratio / THRIFT_COST_MAX));
    return pause_ns > THRIFT_PAUSE_NS_MAX ? THRIFT_PAUSE_NS_MAX : pause_ns;
}
