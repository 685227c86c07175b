#include "probes/kit/clk.h"

#include <stdlib.h>

enum {
    COST_BATCHES = 63, /* odd, so that the median is one of them */
    COST_BATCH_CALLS = 64
};

static uint64_t read_clock(clockid_t id)
{
    struct timespec t = { 0 };
    (void)clock_gettime(id, &t);
    return clk_of_timespec(t);
}

uint64_t clk_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t clk_boottime_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

uint64_t clk_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clk_process_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int clk_cpu_of(int pid, uint64_t *cpu_ns)
{
    clockid_t id;
    struct timespec t;
    if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &t))
        return -1;
    *cpu_ns = clk_of_timespec(t);
    return 0;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* In batches, since a coarse clocksource (acpi_pm, hpet) ticks slower than one call takes. */
uint64_t clk_cost_ns(void)
{
    uint64_t batch_ns[COST_BATCHES];
    for (int i = 0; i < COST_BATCHES; i++) {
        uint64_t start_ns = clk_now_ns();
        uint64_t end_ns = start_ns;
        for (int k = 0; k < COST_BATCH_CALLS; k++) {
            end_ns = clk_now_ns();
        }
        batch_ns[i] = end_ns - start_ns;
    }
    qsort(batch_ns, COST_BATCHES, sizeof(batch_ns[0]), compare_u64);
    return (batch_ns[COST_BATCHES / 2] + COST_BATCH_CALLS - 1) / COST_BATCH_CALLS;
}

int clk_sleep_until(uint64_t when_ns)
{
    struct timespec when = clk_timespec(when_ns);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == 0 ? 0 : -1;
}
