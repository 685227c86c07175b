#include "reports/worst.h"

#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/units.h"

struct candidate {
    const struct result *owner;
    const struct result_event *event;
    unsigned rank; /* among the longest of its measurement, from 0 */
};

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Longer first, of equal ones the earlier. */
static int by_length(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    int order = compare(y->event->duration_ns, x->event->duration_ns);
    return order ? order : compare(x->event->at_ns, y->event->at_ns);
}

static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    return x->rank != y->rank ? compare(x->rank, y->rank) : by_length(a, b);
}

static int worst_by_length(const void *a, const void *b)
{
    const struct worst *x = a;
    const struct worst *y = b;
    int order = compare(y->event->duration_ns, x->event->duration_ns);
    return order ? order : compare(x->event->at_ns, y->event->at_ns);
}

static bool is_candidate(const struct result_event *event)
{
    return event->duration_ns > 0 && cause_of_id(event->cause) != CAUSE_OWN;
}

/* Appends the events of one measurement; how many there are then. */
static unsigned enlist(const struct result *r, struct candidate *all, unsigned count)
{
    unsigned first = count;
    for (unsigned i = 0; i < r->event_count; i++) {
        if (is_candidate(&r->events[i]))
            all[count++] = (struct candidate){ .owner = r, .event = &r->events[i] };
    }
    qsort(all + first, count - first, sizeof *all, by_length);
    for (unsigned i = first; i < count; i++)
        all[i].rank = i - first;
    return count;
}

static bool overlaps_by_half(const struct result_event *a, const struct result_event *b)
{
    uint64_t shorter_ns = a->duration_ns < b->duration_ns ? a->duration_ns : b->duration_ns;
    return coincidence_overlap_ns(a, b) >= shorter_ns - shorter_ns / 2;
}

/* The same stall, seen by two that watch; a CPU that is not named may be any. */
static bool is_same_stall(const struct worst *w, const struct worst *c)
{
    const bool same_cpu = w->event->cpu == c->event->cpu || w->event->cpu < 0 || c->event->cpu < 0;
    return coincidence_watches(w->owner) && coincidence_watches(c->owner) && same_cpu;
}

static bool is_other_peer(const struct worst *w, const struct worst *c)
{
    return strcmp(w->owner->probe, c->owner->probe) == 0 && w->owner->peer[0] &&
           strcmp(w->owner->peer, c->owner->peer) != 0;
}

/* A stall that is said beside the event of a probe needs no line of its own. */
static bool explains(const struct worst *stall, const struct worst *w)
{
    return coincidence_watches(stall->owner) && !coincidence_watches(w->owner) &&
           w->why.kind == COINCIDENCE_EPISODES && w->why.cpu == stall->event->cpu &&
           w->why.cause == stall->why.cause;
}

/* Whether one of the two says it all; then it is left in *w. */
static bool fold(struct worst *w, const struct worst *c)
{
    bool other_peer = is_other_peer(w, c);
    if (w->owner == c->owner || !overlaps_by_half(w->event, c->event))
        return false;
    if (!other_peer && !is_same_stall(w, c) && !explains(w, c) && !explains(c, w))
        return false;
    unsigned peers = w->peers + other_peer;
    bool replaces =
        explains(w, c) || (!explains(c, w) && c->event->duration_ns > w->event->duration_ns);
    if (replaces)
        *w = *c;
    w->peers = peers;
    return true;
}

static bool is_known(struct worst *found, unsigned count, const struct worst *c)
{
    for (unsigned i = 0; i < count; i++) {
        if (fold(&found[i], c))
            return true;
    }
    return false;
}

static unsigned select_worst(const struct document *d, const struct candidate *all, unsigned count,
                             struct worst found[WORST_MOST])
{
    unsigned chosen = 0;
    for (unsigned i = 0; i < count && chosen < WORST_MOST; i++) {
        struct worst w = { .owner = all[i].owner, .event = all[i].event };
        coincidence_find(d, w.owner, w.event, &w.why);
        if (!is_known(found, chosen, &w))
            found[chosen++] = w;
    }
    return chosen;
}

int worst_find(const struct document *d, unsigned most, struct worst found[WORST_MOST],
               struct err *e)
{
    size_t room = d->witness.event_count;
    for (unsigned i = 0; i < d->measurement_count; i++)
        room += d->measurements[i].event_count;
    AUTO_FREE struct candidate *all = calloc(room + 1, sizeof *all);
    if (!all)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the worst events of the run");
    unsigned count = enlist(&d->witness, all, 0);
    for (unsigned i = 0; i < d->measurement_count; i++)
        count = enlist(&d->measurements[i], all, count);
    qsort(all, count, sizeof *all, by_rank);
    unsigned chosen = select_worst(d, all, count, found);
    chosen = chosen < most ? chosen : most;
    qsort(found, chosen, sizeof *found, worst_by_length);
    return (int)chosen;
}

void worst_what(const struct worst *w, struct buf *out)
{
    buf_adds(out, w->event->what);
    if (w->peers > 0)
        buf_addf(out, " (%u more peer%s alike)", w->peers, w->peers > 1 ? "s" : "");
}

void worst_tell(const struct worst *w, struct buf *out)
{
    char at[UNITS_TEXT_BYTES];
    result_name(w->owner, out);
    buf_adds(out, ": ");
    worst_what(w, out);
    buf_addf(out, " at %s, ", units_format((double)w->event->at_ns, UNIT_NS, at));
    coincidence_tell(&w->why, out);
}
