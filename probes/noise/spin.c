#include "probes/noise/spin.h"

#include <stdlib.h>

#include "probes/kit/clk.h"

enum {
    SPIN_STEPS = 1023,       /* that are learned from */
    SPIN_THRESHOLD_STEPS = 8 /* a miss of the cache or two are within that */
};

/* Below, it is the processor's own doing: a refill of its buffers, a page of its tables. */
#define SPIN_THRESHOLD_NS (3 * (uint64_t)CLK_NS_PER_US)

static int spin_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

void spin_learn(struct spin *s)
{
    uint64_t steps_ns[SPIN_STEPS];
    uint64_t last_ns = tick_now_ns(s->clock);
    for (int i = 0; i < SPIN_STEPS; i++) {
        uint64_t now_ns = tick_now_ns(s->clock);
        steps_ns[i] = now_ns - last_ns;
        last_ns = now_ns;
    }
    qsort(steps_ns, SPIN_STEPS, sizeof steps_ns[0], spin_compare);
    s->step_ns = steps_ns[SPIN_STEPS / 2];
}

uint64_t spin_threshold_ns(uint64_t step_ns)
{
    uint64_t steps_ns = SPIN_THRESHOLD_STEPS * step_ns;
    return steps_ns > SPIN_THRESHOLD_NS ? steps_ns : SPIN_THRESHOLD_NS;
}

static unsigned spin_octave(uint64_t length_ns)
{
    unsigned above_us = 0;
    for (uint64_t us = length_ns >> 10; us && above_us < SPIN_OCTAVES - 1; us >>= 1)
        above_us++;
    return above_us;
}

uint64_t spin_usual_ns(const struct spin_octave octaves[SPIN_OCTAVES])
{
    uint64_t all_ns = 0;
    uint64_t up_to_ns = 0;
    unsigned at = 0;
    for (unsigned i = 0; i < SPIN_OCTAVES; i++)
        all_ns += octaves[i].lost_ns;
    while (at < SPIN_OCTAVES - 1 && up_to_ns + octaves[at].lost_ns < (all_ns + 1) / 2)
        up_to_ns += octaves[at++].lost_ns;
    return octaves[at].gaps ? octaves[at].lost_ns / octaves[at].gaps : 0;
}

static enum spin_end spin_keep(struct spin *s, uint64_t at_ns, uint64_t length_ns)
{
    struct spin_tally *t = &s->tally;
    if (s->gaps)
        hist_record(s->gaps, length_ns);
    t->gaps++;
    t->lost_ns += length_ns;
    struct spin_octave *octave = &t->octaves[spin_octave(length_ns)];
    octave->gaps++;
    octave->lost_ns += length_ns;
    t->longest_ns = length_ns > t->longest_ns ? length_ns : t->longest_ns;
    if (length_ns >= s->long_ns) {
        s->at_ns = at_ns;
        s->length_ns = length_ns;
        return SPIN_LONG;
    }
    if (t->short_gaps++ == 0)
        t->short_at_ns = at_ns;
    t->short_ns += length_ns;
    s->since_ns += length_ns;
    return s->since_ns >= s->many_ns ? SPIN_MANY : SPIN_OVER;
}

enum spin_end spin_run(struct spin *s, uint64_t until_ns)
{
    const struct tick *clock = s->clock;
    const int64_t bound_ns = (int64_t)(s->step_ns + s->threshold_ns);
    uint64_t last_ns = tick_now_ns(clock);
    s->since_ns = 0;
    while (last_ns < until_ns && !*s->stopping) {
        uint64_t now_ns = tick_now_ns(clock);
        int64_t step_ns = (int64_t)(now_ns - last_ns); /* negative: the clock was set right */
        if (__builtin_expect(step_ns >= bound_ns, 0)) {
            enum spin_end end = spin_keep(s, last_ns, (uint64_t)step_ns - s->step_ns);
            if (end != SPIN_OVER)
                return end;
        }
        last_ns = now_ns;
    }
    return SPIN_OVER;
}

bool spin_missed(struct spin *s, uint64_t at_ns, uint64_t length_ns)
{
    return length_ns >= s->long_ns && spin_keep(s, at_ns, length_ns) == SPIN_LONG;
}
