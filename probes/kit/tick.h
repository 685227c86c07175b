/*
 * tick: the clock of the measuring loops. Reads CLOCK_MONOTONIC's nanoseconds, by the processor's
 * time stamp counter where that is sound and cheaper, else by clock_gettime.
 *
 * The counter is taken when the kernel itself keeps time by it (its clocksource is "tsc": it has
 * then watched it, and compared it across the cores), CPUID calls it invariant, and one reading
 * measures cheaper. It is calibrated against CLOCK_MONOTONIC and not _RAW, since deadlines, events
 * and the latencies of all other probes are of that clock; NTP slews it by 500 ppm at most.
 * tick_align compares the two again, keeps the worst drift seen and sets the counter right, so that
 * it never drifts further than between two runs of a loop. What a suspended or migrated machine
 * does to the counter shows there too.
 *
 * One thread reads it. The thread may move between cores: that is sound because the kernel gives up
 * "tsc" where the counters of its cores disagree.
 */
#ifndef PROBES_KIT_TICK_H
#define PROBES_KIT_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/counter.h"
#include "probes/kit/result.h"

#define TICK_CALIBRATE_NS UINT64_C(10000000) /* 10 ms: 50 ns of doubt in two readings are 5 ppm */
/* Above that the counter is no clock. SOURCE: Linux include/linux/timex.h MAXFREQ, the most that
 * NTP may slew CLOCK_MONOTONIC, 500 ppm; twice that, for a slew that turned round. */
#define TICK_DRIFT_PPM 1000

struct tick_pair {
    uint64_t count; /* of the counter */
    uint64_t ns;    /* CLOCK_MONOTONIC at the same moment */
};

struct tick {
    bool counting; /* by the counter */
    /* By these, else; a test may put its own in. */
    uint64_t (*read_ns)(void);
    int (*sleep_until)(uint64_t when_ns); /* -1 when a signal came */
    uint64_t factor;                      /* ns of one count, times 2^32 */
    struct tick_pair first, last;
    double counter_cost_ns, clock_cost_ns; /* of one reading; counter 0: there is none to read */
    double drift_ppm;                      /* the worst, signed: positive when it ran ahead */
    const char *refusal;                   /* why not the counter; NULL when it counts */
};

/* clock_gettime, nothing tried and nothing measured. */
extern const struct tick tick_clock;

/* Chooses, calibrates and measures; takes some 12 ms. sys_fd is a descriptor of a /sys, or -1. */
void tick_open(struct tick *t, int sys_fd);
/* The same, with the kernel's clocksource given. */
void tick_open_as(struct tick *t, const char *clocksource);

static inline uint64_t tick_now_ns(const struct tick *t)
{
    if (t->counting)
        return t->last.ns + counter_scale(counter_read() - t->last.count, t->factor);
    return t->read_ns();
}

/* Compares the counter with CLOCK_MONOTONIC and sets it right; call it before and after a loop. */
void tick_align(struct tick *t);
bool tick_drifted(const struct tick *t);
/* Cost of one reading of the clock in use, rounded up. */
uint64_t tick_cost_ns(const struct tick *t);
/*
 * Puts which clock was read, its cost and its drift into the parameters of a result and one note;
 * distrusts the result when it drifted. For judge.
 */
void tick_tell(const struct tick *t, struct result *r);

#endif
