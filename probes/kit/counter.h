/*
 * counter: the processor's own time stamp counter, where there is one that runs steadily: at one
 * rate whatever the frequency and sleep state of the core. None on other processors than x86-64.
 * SOURCE: Intel SDM 3B 18.17 (invariant TSC); AMD APM 3, CPUID Fn8000_0007_EDX[8].
 */
#ifndef PROBES_KIT_COUNTER_H
#define PROBES_KIT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#    include <cpuid.h>

static inline bool counter_steady(void)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && ((d >> 8) & 1U);
}

/* Not before what stands ahead of it in the program is done: the fence keeps the order that
 * clock_gettime keeps too. */
static inline uint64_t counter_read(void)
{
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
}

/* value * factor / 2^32, whole in between. */
static inline uint64_t counter_scale(uint64_t value, uint64_t factor)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)value * factor) >> 32);
}

#else

static inline bool counter_steady(void)
{
    return false;
}

static inline uint64_t counter_read(void)
{
    return 0;
}

static inline uint64_t counter_scale(uint64_t value, uint64_t factor)
{
    return value * (factor >> 32);
}

#endif
#endif
