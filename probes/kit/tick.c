#include "probes/kit/tick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    TICK_TRIES = 8, /* the tightest of them is a pair */
    TICK_COST_BATCHES = 63,
    TICK_COST_CALLS = 64
};

#define TICK_SOURCE_PATH    "devices/system/clocksource/clocksource0/current_clocksource"
#define TICK_ALIGN_LEAST_NS UINT64_C(10000000) /* a shorter stretch says more of us than of it */

static uint64_t tick_read_clock(void)
{
    return clk_now_ns();
}

const struct tick tick_clock = { .read_ns = tick_read_clock, .sleep_until = clk_sleep_until };

/* The counter in the middle of two readings of the clock; the closest two of some. */
static struct tick_pair tick_pair_now(void)
{
    struct tick_pair best = { 0 };
    uint64_t narrowest_ns = UINT64_MAX;
    for (int i = 0; i < TICK_TRIES; i++) {
        uint64_t before_ns = clk_now_ns();
        uint64_t count = counter_read();
        uint64_t width_ns = clk_now_ns() - before_ns;
        if (width_ns < narrowest_ns) {
            narrowest_ns = width_ns;
            best = (struct tick_pair){ .count = count, .ns = before_ns + width_ns / 2 };
        }
    }
    return best;
}

static uint64_t tick_factor(const struct tick_pair *from, const struct tick_pair *to)
{
    return (uint64_t)((double)(to->ns - from->ns) * 0x1p32 / (double)(to->count - from->count));
}

static void tick_calibrate(struct tick *t)
{
    t->first = tick_pair_now();
    while (clk_now_ns() < t->first.ns + TICK_CALIBRATE_NS)
        (void)clk_sleep_until(t->first.ns + TICK_CALIBRATE_NS);
    t->last = tick_pair_now();
    t->factor = tick_factor(&t->first, &t->last);
}

static int tick_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* In batches, since a coarse clock ticks slower than one reading takes; the median of them. */
static double tick_measure(const struct tick *t)
{
    uint64_t batch_ns[TICK_COST_BATCHES];
    for (int i = 0; i < TICK_COST_BATCHES; i++) {
        uint64_t start_ns = tick_now_ns(t);
        uint64_t end_ns = start_ns;
        for (int k = 0; k < TICK_COST_CALLS; k++)
            end_ns = tick_now_ns(t);
        batch_ns[i] = end_ns - start_ns;
    }
    qsort(batch_ns, TICK_COST_BATCHES, sizeof batch_ns[0], tick_compare);
    return (double)batch_ns[TICK_COST_BATCHES / 2] / TICK_COST_CALLS;
}

void tick_open_as(struct tick *t, const char *clocksource)
{
    *t = tick_clock;
    t->clock_cost_ns = tick_measure(t);
    if (!counter_steady()) {
        t->refusal = "the processor has no invariant time stamp counter";
        return;
    }
    tick_calibrate(t);
    t->counting = true;
    t->counter_cost_ns = tick_measure(t);
    if (strcmp(clocksource, "tsc") != 0)
        t->refusal = "the kernel does not keep time by the time stamp counter";
    else if (t->counter_cost_ns >= t->clock_cost_ns)
        t->refusal = "the time stamp counter is not read faster";
    t->counting = !t->refusal;
}

void tick_open(struct tick *t, int sys_fd)
{
    char source[32] = "";
    struct err ignored;
    if (file_line_at(sys_fd, TICK_SOURCE_PATH, source, sizeof source, &ignored))
        source[0] = '\0';
    tick_open_as(t, source);
}

/* The rate is taken over all the time since the opening, so that it gets better with each call. */
void tick_align(struct tick *t)
{
    if (!t->counting)
        return;
    struct tick_pair now = tick_pair_now();
    uint64_t stretch_ns = now.ns - t->last.ns;
    if (stretch_ns < TICK_ALIGN_LEAST_NS)
        return;
    uint64_t thought_ns = t->last.ns + counter_scale(now.count - t->last.count, t->factor);
    double ahead_ns = (double)(int64_t)(thought_ns - now.ns);
    double drift_ppm = ahead_ns * 1e6 / (double)stretch_ns;
    if (fabs(drift_ppm) > fabs(t->drift_ppm))
        t->drift_ppm = drift_ppm;
    t->last = now;
    t->factor = tick_factor(&t->first, &now);
}

bool tick_drifted(const struct tick *t)
{
    return fabs(t->drift_ppm) > TICK_DRIFT_PPM;
}

uint64_t tick_cost_ns(const struct tick *t)
{
    double cost_ns = t->counting ? t->counter_cost_ns : t->clock_cost_ns;
    return (uint64_t)ceil(cost_ns);
}

static void tick_tell_parameters(const struct tick *t, json_t *parameters)
{
    const char *name = t->counting ? "tsc" : "clock_gettime";
    (void)json_object_set_new(parameters, "clock", json_string(name));
    (void)json_object_set_new(parameters, "clock_gettime_cost_ns", json_real(t->clock_cost_ns));
    if (t->counter_cost_ns > 0)
        (void)json_object_set_new(parameters, "tsc_cost_ns", json_real(t->counter_cost_ns));
    if (t->counting)
        (void)json_object_set_new(parameters, "clock_drift_ppm", json_real(t->drift_ppm));
}

void tick_tell(const struct tick *t, struct result *r)
{
    if (r->parameters)
        tick_tell_parameters(t, r->parameters);
    if (t->counting)
        result_note(r,
                    "Clock: the time stamp counter, %.0f ns a reading (clock_gettime %.0f ns); off "
                    "CLOCK_MONOTONIC by %.1f ppm at most.",
                    t->counter_cost_ns, t->clock_cost_ns, fabs(t->drift_ppm));
    else
        result_note(r, "Clock: clock_gettime, %.0f ns a reading%s%s.", t->clock_cost_ns,
                    t->refusal ? ", because " : "", t->refusal ? t->refusal : "");
    if (tick_drifted(t))
        result_set_status(r, STATUS_UNTRUSTED,
                          "the time stamp counter ran %.0f ppm off CLOCK_MONOTONIC, more than %d; "
                          "times taken by it are not to be believed",
                          t->drift_ppm, TICK_DRIFT_PPM);
}
