#include "probes/noise/gap_tell.h"

#include <stdio.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/units.h"

enum {
    GAP_TELL_CPUS = 6, /* that have a sentence of their own */
    GAP_TELL_EVENTS = INQUEST_CASES,
    GAP_TELL_LENGTHS_BYTES = 96
};

void gap_tell_add(struct gap_tell_sum *sum, const struct hunt *h, const struct hunt_cpu *c)
{
    struct inquest_blame b;
    if (c->turns == 0)
        return;
    hunt_blame(h, c, &b);
    for (int i = 0; i < CAUSES; i++) {
        sum->blame.lost_ns[i] += b.lost_ns[i];
        sum->blame.count[i] += b.count[i];
    }
    sum->blame.observed_ns += c->spun_ns;
    sum->gaps += c->gaps;
    sum->lost_ns += c->lost_ns;
}

static double gap_tell_share(const struct hunt_cpu *c)
{
    double share = c->spun_ns ? (double)c->lost_ns / (double)c->spun_ns : 0;
    return share < 1 ? share : 1;
}

/* ", mostly of 4.1 ms, the longest 9 ms" */
static void gap_tell_lengths(const struct hunt_cpu *c, char text[GAP_TELL_LENGTHS_BYTES])
{
    char usual[UNITS_TEXT_BYTES];
    char longest[UNITS_TEXT_BYTES];
    units_format((double)c->longest_ns, UNIT_NS, longest);
    if (c->gaps == 1)
        (void)snprintf(text, GAP_TELL_LENGTHS_BYTES, ", of %s", longest);
    else
        (void)snprintf(text, GAP_TELL_LENGTHS_BYTES, "s, mostly of %s, the longest %s",
                       units_format((double)spin_usual_ns(c->octaves), UNIT_NS, usual), longest);
}

void gap_tell_sentence(const char *name, const struct hunt_cpu *c, const struct inquest_blame *b,
                       char *text, size_t size)
{
    char share[UNITS_TEXT_BYTES];
    char lengths[GAP_TELL_LENGTHS_BYTES];
    char causes[160];
    if (size)
        *text = '\0';
    if (c->spun_ns == 0)
        return;
    if (c->gaps == 0) {
        (void)snprintf(text, size, "%s lost nothing in %.1f s.", name,
                       (double)c->spun_ns / CLK_NS_PER_S);
        return;
    }
    inquest_tell(b, causes, sizeof causes);
    gap_tell_lengths(c, lengths);
    (void)snprintf(text, size, "%s lost %s of its time in %llu gap%s%s%s.", name,
                   units_format(gap_tell_share(c), UNIT_RATIO, share), (unsigned long long)c->gaps,
                   lengths, *causes ? ": " : "", causes);
}

static int gap_tell_compare(const void *a, const void *b)
{
    double left = gap_tell_share(a);
    double right = gap_tell_share(b);
    return (left < right) - (left > right);
}

static void gap_tell_cpu(const struct gap_tell *t, const char *name, const struct hunt_cpu *c,
                         struct result *r)
{
    char text[LIMITS_TEXT_BYTES];
    struct inquest_blame b;
    hunt_blame(t->hunt, c, &b);
    gap_tell_sentence(name, c, &b, text, sizeof text);
    if (*text)
        result_note(r, "%s", text);
}

static void gap_tell_rest(const struct gap_tell *t, unsigned looked, struct result *r)
{
    char share[UNITS_TEXT_BYTES];
    if (looked > GAP_TELL_CPUS)
        result_note(r, "The %u other CPUs lost %s of their time at most.", looked - GAP_TELL_CPUS,
                    units_format(gap_tell_share(&t->cpus[GAP_TELL_CPUS]), UNIT_RATIO, share));
}

static void gap_tell_left_out(const struct gap_tell *t, struct result *r)
{
    unsigned refused = 0;
    unsigned left_out = 0;
    for (unsigned i = 0; i < t->count; i++) {
        refused += t->cpus[i].refused;
        left_out += !t->cpus[i].refused && t->cpus[i].turns == 0;
    }
    if (t->loose->turns)
        result_note(r,
                    "No CPU let the loop be bound to it: it ran where the scheduler put it, and a "
                    "move to another CPU is a gap too.");
    else if (refused)
        result_note(r, "%u CPU%s could not be looked at: the loop may not be bound there.", refused,
                    refused == 1 ? "" : "s");
    if (left_out && !t->loose->turns)
        result_note(r,
                    "There was no time to look at %u CPU%s; a longer --budget or a larger --spin "
                    "reaches them.",
                    left_out, left_out == 1 ? "" : "s");
}

void gap_tell_all(struct gap_tell *t, struct result *r)
{
    unsigned looked = 0;
    qsort(t->cpus, t->count, sizeof *t->cpus, gap_tell_compare);
    for (unsigned i = 0; i < t->count; i++)
        looked += t->cpus[i].turns > 0;
    for (unsigned i = 0, told = 0; i < t->count && told < GAP_TELL_CPUS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "CPU %u", t->cpus[i].cpu);
        told += t->cpus[i].turns > 0;
        gap_tell_cpu(t, name, &t->cpus[i], r);
    }
    gap_tell_cpu(t, "The loop", t->loose, r);
    gap_tell_rest(t, looked, r);
    gap_tell_left_out(t, r);
    if (t->no_interrupts)
        result_note(
            r, "The interrupts of each CPU were not counted: reading /proc/interrupts takes too "
               "long on so many CPUs. Short gaps are unknown therefore.");
}

void gap_tell_events(const struct gap_tell *t, struct result *r)
{
    struct inquest_case worst[GAP_TELL_EVENTS];
    unsigned count = inquest_worst(t->hunt->inquest, worst, GAP_TELL_EVENTS);
    for (unsigned i = 0; i < count; i++) {
        const struct episode *e = &worst[i].episode;
        if (e->at_ns < t->run_start_ns)
            continue;
        struct result_event event = { .at_ns = e->at_ns - t->run_start_ns,
                                      .duration_ns = e->length_ns,
                                      .cpu = (int32_t)e->cpu };
        (void)snprintf(event.what, sizeof event.what, "gap of %.2f ms on CPU %u",
                       (double)e->length_ns / CLK_NS_PER_MS, e->cpu);
        (void)snprintf(event.cause, sizeof event.cause, "%s", cause_id(worst[i].main));
        result_event_full(r, &event);
    }
}
