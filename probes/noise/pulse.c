#include "probes/noise/pulse.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int pulse_open(struct pulse *p, uint64_t span_ns, size_t room, struct err *e)
{
    *p = (struct pulse){ .span_ns = span_ns, .room = room };
    p->values = calloc(room, sizeof *p->values);
    return p->values ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for a series of %zu", room);
}

void pulse_release(struct pulse *p)
{
    free(p->values);
    *p = (struct pulse){ 0 };
}

static void pulse_join(struct pulse_value *into, const struct pulse_value *v)
{
    if (into->length_ns == 0)
        into->at_ns = v->at_ns;
    into->length_ns += v->length_ns;
    into->work += v->work;
    into->stolen_ns += v->stolen_ns;
    into->queued_ns += v->queued_ns;
}

static void pulse_halve(struct pulse *p)
{
    for (size_t i = 0; i < p->count / 2; i++) {
        struct pulse_value pair = p->values[2 * i];
        pulse_join(&pair, &p->values[2 * i + 1]);
        p->values[i] = pair;
    }
    p->count /= 2;
    p->span_ns *= 2;
}

/* One that is a little short is whole: the stretches are not of quite the same length. */
static bool pulse_is_whole(const struct pulse *p)
{
    return p->next.length_ns >= p->span_ns - p->span_ns / 16;
}

void pulse_add(struct pulse *p, const struct pulse_value *v)
{
    pulse_join(&p->next, v);
    if (!pulse_is_whole(p))
        return;
    if (p->count == p->room) {
        pulse_halve(p);
        if (!pulse_is_whole(p))
            return;
    }
    p->values[p->count++] = p->next;
    p->next = (struct pulse_value){ 0 };
}

double pulse_rate(const struct pulse *p, size_t i)
{
    return (double)p->values[i].work / ((double)p->values[i].length_ns / 1e9);
}

uint64_t pulse_length_ns(const struct pulse *p, size_t first, size_t last)
{
    uint64_t sum_ns = 0;
    for (size_t i = first; i < last; i++)
        sum_ns += p->values[i].length_ns;
    return sum_ns;
}

struct pulse_loss pulse_loss(const struct pulse *p, size_t first, size_t last, unsigned cpus)
{
    struct pulse_value sum = { 0 };
    for (size_t i = first; i < last; i++)
        pulse_join(&sum, &p->values[i]);
    double whole_ns = (double)sum.length_ns * cpus;
    return (struct pulse_loss){ .stolen_ratio = whole_ns > 0 ? sum.stolen_ns / whole_ns : NAN,
                                .queued_ratio = whole_ns > 0 ? sum.queued_ns / whole_ns : NAN };
}
