/*
 * clk: the only caller of clock_gettime. Time is uint64_t nanoseconds.
 * Thread-safe; no state.
 */
#ifndef PROBES_KIT_CLK_H
#define PROBES_KIT_CLK_H

#include <stdint.h>
#include <time.h>

enum {
    CLK_NS_PER_S = 1000000000,
    CLK_NS_PER_MS = 1000000,
    CLK_NS_PER_US = 1000
};

static inline uint64_t clk_of_timespec(struct timespec t)
{
    return (uint64_t)t.tv_sec * CLK_NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline struct timespec clk_timespec(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / CLK_NS_PER_S),
                              .tv_nsec = (long)(ns % CLK_NS_PER_S) };
}

/* CLOCK_MONOTONIC: every latency and deadline. */
static inline uint64_t clk_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return clk_of_timespec(t);
}

/* CLOCK_REALTIME: stamps for people, STAMP packets and the detection of clock steps. */
uint64_t clk_realtime_ns(void);
/* CLOCK_BOOTTIME: it goes on while the machine is suspended, CLOCK_MONOTONIC does not. */
uint64_t clk_boottime_ns(void);
/* CPU time of the calling thread; of the whole process. */
uint64_t clk_thread_cpu_ns(void);
uint64_t clk_process_cpu_ns(void);
/* CPU time of another process, of the living alone. -1: there is none. */
int clk_cpu_of(int pid, uint64_t *cpu_ns);
/* Median cost of one clk_now_ns, over a few thousand calls (about 1 ms). */
uint64_t clk_cost_ns(void);
/* Sleeps until an absolute CLOCK_MONOTONIC time; returns early (-1) on a signal. */
int clk_sleep_until(uint64_t when_ns);

#endif
