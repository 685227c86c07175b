#include "bench/sight.h"

#include <math.h>
#include <unistd.h>

#include "probes/kit/clk.h"

void sight_take(const struct sight_eye *eye, bool io, struct sight *s)
{
    struct err ignored;
    s->at_ns = clk_now_ns();
    if (steal_read(eye->proc_fd, &s->steal, &ignored)) {
        s->steal.reported = false;
        s->steal.count = 0;
    }
    s->ours_ns = crowd_family_ns(eye->crowd);
    s->io_known = io && crowd_io(eye->crowd, &s->ours_bytes, &s->all_bytes) == 0;
    s->throttled_known = throttle_read(eye->throttle, &s->throttle) == 0;
    pressure_read(eye->proc_fd, &s->pressure);
}

void sight_release(struct sight *s)
{
    steal_release(&s->steal);
}

static double sight_pressure(const struct sight *a, const struct sight *b, enum pressure_kind kind)
{
    if (!a->pressure.present[kind] || !b->pressure.present[kind])
        return NAN;
    return pressure_ratio(a->pressure.some_us[kind], b->pressure.some_us[kind],
                          b->at_ns - a->at_ns);
}

static double sight_full(const struct sight *a, const struct sight *b, enum pressure_kind kind)
{
    if (!a->pressure.has_full[kind] || !b->pressure.has_full[kind])
        return NAN;
    return pressure_ratio(a->pressure.full_us[kind], b->pressure.full_us[kind],
                          b->at_ns - a->at_ns);
}

/* The kernel adds up the CPUs, and the groups above ours: together they hold back no longer. */
static double sight_throttled(const struct sight *a, const struct sight *b)
{
    if (!a->throttled_known || !b->throttled_known || b->at_ns <= a->at_ns ||
        b->throttle.throttled_ns < a->throttle.throttled_ns)
        return NAN;
    return fmin((double)(b->throttle.throttled_ns - a->throttle.throttled_ns) /
                    (double)(b->at_ns - a->at_ns),
                1);
}

/* Whether so much time lies between that what was read a little apart, and in ticks, is a rate. */
static bool sight_is_apart(const struct sight *a, const struct sight *b)
{
    return b->at_ns >= a->at_ns + SIGHT_OTHERS_NS_MIN;
}

/* Of all CPUs; what is read a little apart may come out below nothing. */
static double sight_others(const struct sight *a, const struct sight *b)
{
    long hz = sysconf(_SC_CLK_TCK);
    bool known = a->ours_ns != UINT64_MAX && b->ours_ns != UINT64_MAX && b->steal.count > 0;
    double elapsed = (double)(b->at_ns - a->at_ns);
    if (!known || a->steal.count == 0 || b->steal.all.busy_ticks < a->steal.all.busy_ticks ||
        !sight_is_apart(a, b))
        return NAN;
    double busy = (double)(b->steal.all.busy_ticks - a->steal.all.busy_ticks) *
                  ((double)CLK_NS_PER_S / (double)(hz > 0 ? hz : 100));
    double ours = b->ours_ns > a->ours_ns ? (double)(b->ours_ns - a->ours_ns) : 0;
    return fmin(fmax(busy - ours, 0) / (elapsed * b->steal.count), 1);
}

static double sight_others_io(const struct sight *a, const struct sight *b)
{
    double elapsed_s = (double)(b->at_ns - a->at_ns) / CLK_NS_PER_S;
    if (!a->io_known || !b->io_known || b->all_bytes < a->all_bytes || !sight_is_apart(a, b))
        return NAN;
    double ours = b->ours_bytes > a->ours_bytes ? (double)(b->ours_bytes - a->ours_bytes) : 0;
    return fmax((double)(b->all_bytes - a->all_bytes) - ours, 0) / elapsed_s;
}

struct witnessed sight_difference(const struct sight *a, const struct sight *b)
{
    bool steal = a->steal.reported && b->steal.reported;
    return (struct witnessed){
        .steal_ratio = steal ? steal_ratio(&a->steal.all, &b->steal.all) : NAN,
        .steal_worst_cpu_ratio = steal ? steal_worst_ratio(&a->steal, &b->steal, NULL) : NAN,
        .cpu_pressure_ratio = sight_pressure(a, b, PRESSURE_CPU),
        .io_pressure_ratio = sight_pressure(a, b, PRESSURE_IO),
        .memory_pressure_ratio = sight_pressure(a, b, PRESSURE_MEMORY),
        .cpu_pressure_full_ratio = sight_full(a, b, PRESSURE_CPU),
        .io_pressure_full_ratio = sight_full(a, b, PRESSURE_IO),
        .memory_pressure_full_ratio = sight_full(a, b, PRESSURE_MEMORY),
        .throttled_ratio = sight_throttled(a, b),
        .others_cpu_ratio = sight_others(a, b),
        .others_io_bytes_per_s = sight_others_io(a, b),
        .largest_other_cpu_ratio = NAN,
        .clock_step_ns = NAN,
        .stall_max_ns = NAN,
    };
}
