#include "reports/coincidence.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/units.h"

#define COINCIDENCE_INSIDE 0.9  /* of the event; below, the share is said */
#define COINCIDENCE_HALF   0.5  /* below, the rest is called unexplained */
#define COINCIDENCE_SEEN   0.01 /* a share worth a word where no single episode was seen */

static const struct {
    const char *one, *many;
} coincidence_nouns[CAUSES] = {
    [CAUSE_HYPERVISOR] = {"theft",             "thefts"           },
    [CAUSE_UNREPORTED] = { "unreported theft", "unreported thefts"},
    [CAUSE_OTHERS] = { "wait",             "waits"            },
    [CAUSE_OWN] = { "wait",             "waits"            },
    [CAUSE_QUOTA] = { "throttling",       "throttlings"      },
    [CAUSE_INTERRUPTS] = { "stall",            "stalls"           },
    [CAUSE_HALTED] = { "stop or freeze",   "stops or freezes" },
    [CAUSE_UNKNOWN] = { "stall",            "stalls"           },
};

static const char *const coincidence_tails[CAUSES] = {
    [CAUSE_HYPERVISOR] = " (hypervisor)",
    [CAUSE_UNREPORTED] = " (hypervisor)",
    [CAUSE_OTHERS] = " behind this guest's other processes",
    [CAUSE_OWN] = " behind this program's own load",
    [CAUSE_QUOTA] = " (own cgroup quota)",
    [CAUSE_INTERRUPTS] = " by interrupts",
    [CAUSE_HALTED] = "",
    [CAUSE_UNKNOWN] = " of unknown cause",
};

bool coincidence_watches(const struct result *r)
{
    static const char *const names[] = { "witness", "noise.stall", "noise.gap" };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(r->probe, names[i]) == 0)
            return true;
    }
    return false;
}

static uint64_t end_of(const struct result_event *event)
{
    return event->at_ns > UINT64_MAX - event->duration_ns ? UINT64_MAX
                                                          : event->at_ns + event->duration_ns;
}

uint64_t coincidence_overlap_ns(const struct result_event *a, const struct result_event *b)
{
    uint64_t from_ns = a->at_ns > b->at_ns ? a->at_ns : b->at_ns;
    uint64_t to_ns = end_of(a) < end_of(b) ? end_of(a) : end_of(b);
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Of documents from before there were causes none is known. */
static enum cause cause_of(const struct result_event *event)
{
    int cause = cause_of_id(event->cause);
    return cause >= 0 ? (enum cause)cause : CAUSE_UNKNOWN;
}

static bool is_alike(const struct result_event *a, const struct result_event *b)
{
    return a->cpu == b->cpu && cause_of(a) == cause_of(b);
}

/* All episodes of r, from `first` on, that are of its cause, on its CPU, and overlap the event. */
static struct coincidence gather(const struct result *r, unsigned first,
                                 const struct result_event *event)
{
    const struct result_event *like = &r->events[first];
    struct coincidence c = { .kind = COINCIDENCE_EPISODES,
                             .cause = cause_of(like),
                             .cpu = like->cpu };
    for (unsigned i = first; i < r->event_count; i++) {
        const struct result_event *episode = &r->events[i];
        uint64_t overlap_ns = coincidence_overlap_ns(event, episode);
        if (overlap_ns == 0 || !is_alike(episode, like))
            continue;
        c.count++;
        c.overlap_ns += overlap_ns;
        if (episode->duration_ns > c.longest_ns)
            c.longest_ns = episode->duration_ns;
    }
    if (c.overlap_ns > event->duration_ns)
        c.overlap_ns = event->duration_ns; /* of several CPUs, where they are not told apart */
    return c;
}

/* What is known goes before what is not, and then the longer overlap. */
static bool is_better(const struct coincidence *a, const struct coincidence *b)
{
    if (b->count == 0 || a->count == 0)
        return a->count > 0;
    bool a_known = a->cause != CAUSE_UNKNOWN;
    bool b_known = b->cause != CAUSE_UNKNOWN;
    /* A cause that covers a sliver does not hide a stall that covers the whole. */
    if (a_known != b_known && a->overlap_ns / 2 < b->overlap_ns &&
        b->overlap_ns / 2 < a->overlap_ns) {
        return a_known;
    }
    return a->overlap_ns > b->overlap_ns;
}

static void look_in(const struct result *r, const struct result *owner,
                    const struct result_event *event, struct coincidence *best)
{
    for (unsigned i = 0; i < r->event_count && r != owner && coincidence_watches(r); i++) {
        if (coincidence_overlap_ns(event, &r->events[i]) == 0)
            continue;
        struct coincidence c = gather(r, i, event);
        if (is_better(&c, best))
            *best = c;
    }
}

/* The witness lived then, and its sleepers slept. */
static bool witness_watched(const struct document *d, const struct result_event *event)
{
    const struct result *w = &d->witness;
    const struct result_metric *m = result_metric_find(w, "witness.stall");
    return m && m->n > 0 && event->at_ns >= w->started_ns &&
           end_of(event) - w->started_ns <= w->duration_ns;
}

void coincidence_find(const struct document *d, const struct result *owner,
                      const struct result_event *event, struct coincidence *c)
{
    *c = (struct coincidence){ .cpu = -1 };
    bool is_episode = coincidence_watches(owner);
    bool knows = is_episode && event->cause[0];
    if (!knows || cause_of(event) == CAUSE_UNKNOWN) {
        look_in(&d->witness, owner, event, c);
        for (unsigned i = 0; i < d->measurement_count; i++)
            look_in(&d->measurements[i], owner, event, c);
    }
    if (is_episode && c->cause == CAUSE_UNKNOWN)
        c->count = 0; /* one that does not know either */
    if (c->count == 0) {
        c->kind = knows                                      ? COINCIDENCE_ITSELF
                  : !is_episode && witness_watched(d, event) ? COINCIDENCE_NOTHING
                                                             : COINCIDENCE_NOBODY;
        c->cause = cause_of(event);
    }
    c->event_ns = event->duration_ns;
    c->is_episode = is_episode;
    c->steal_ratio = owner->witnessed.steal_ratio;
    c->throttle_ratio = owner->witnessed.throttled_ratio;
}

void coincidence_name(enum cause cause, struct buf *out)
{
    buf_addf(out, "%s%s", coincidence_nouns[cause].one, coincidence_tails[cause]);
}

/* "an 8-ms", "an 11.3-ms", "an 18-s", and "a" before all else. */
static bool needs_an(const char *number)
{
    long whole = strtol(number, NULL, 10);
    return number[0] == '8' || whole == 11 || whole == 18;
}

void coincidence_length(uint64_t length_ns, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    (void)units_format((double)length_ns, UNIT_NS, text);
    char *blank = strchr(text, ' ');
    if (blank)
        *blank = '-';
    buf_addf(out, "%s %s", needs_an(text) ? "an" : "a", text);
}

/* "38.1 of its 40.2 ms", "900 us of its 40.2 ms" */
static void tell_part(const struct coincidence *c, struct buf *out)
{
    char part[UNITS_TEXT_BYTES];
    char whole[UNITS_TEXT_BYTES];
    (void)units_format((double)c->overlap_ns, UNIT_NS, part);
    (void)units_format((double)c->event_ns, UNIT_NS, whole);
    char *unit = strchr(part, ' ');
    const char *other = strchr(whole, ' ');
    if (unit && other && strcmp(unit, other) == 0)
        *unit = '\0';
    buf_addf(out, "%s of its %s in ", part, whole);
}

static void tell_episodes(const struct coincidence *c, struct buf *out)
{
    double share = c->event_ns ? (double)c->overlap_ns / (double)c->event_ns : 1;
    if (share >= COINCIDENCE_INSIDE)
        buf_adds(out, "inside ");
    else
        tell_part(c, out);
    if (c->count == 1) {
        coincidence_length(c->longest_ns, out);
        buf_addf(out, " %s", coincidence_nouns[c->cause].one);
    } else {
        buf_addf(out, "%u %s", c->count, coincidence_nouns[c->cause].many);
    }
    if (c->cpu >= 0)
        buf_addf(out, " on CPU %d", (int)c->cpu);
    buf_adds(out, coincidence_tails[c->cause]);
    if (share < COINCIDENCE_HALF)
        buf_adds(out, ", the rest unexplained");
}

/* Many short thefts are no event each, and yet no nothing. */
static void tell_nothing(const struct coincidence *c, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    bool stolen = c->steal_ratio >= COINCIDENCE_SEEN;
    bool throttled = c->throttle_ratio >= COINCIDENCE_SEEN;
    if (!stolen && !throttled) {
        buf_adds(out, "nothing was seen stolen, stalled or throttled meanwhile");
        return;
    }
    (void)units_format(stolen ? c->steal_ratio : c->throttle_ratio, UNIT_RATIO, text);
    buf_addf(out, "no single theft or stall was seen then, but %s of the %s during the probe", text,
             stolen ? "CPU time was stolen" : "time was throttled");
}

void coincidence_tell(const struct coincidence *c, struct buf *out)
{
    switch (c->kind) {
    case COINCIDENCE_EPISODES:
        tell_episodes(c, out);
        break;
    case COINCIDENCE_NOTHING:
        tell_nothing(c, out);
        break;
    case COINCIDENCE_NOBODY:
        buf_adds(out, c->is_episode ? "its cause was not looked for" : "nobody watched");
        break;
    case COINCIDENCE_ITSELF:
        if (c->cause == CAUSE_UNKNOWN) {
            buf_adds(out, "cause unknown");
            break;
        }
        buf_adds(out, c->cause == CAUSE_UNREPORTED ? "an " : "a ");
        coincidence_name(c->cause, out);
        break;
    }
}
