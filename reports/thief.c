#include "reports/thief.h"

#include <math.h>
#include <stdio.h>

#include "probes/kit/clk.h"

#define THIEF_LONG_NS     (THIEF_LONG_MS * (uint64_t)CLK_NS_PER_MS)
#define THIEF_MOST_ON_CPU 0.67 /* of the listed time: then one CPU is named */

static const struct {
    const char *cause_prefix; /* of the metrics by cause */
    const char *steal;        /* NULL: none of its own */
    const char *clock;        /* whose time was watched */
} thief_views[THIEF_VIEWS] = {
    [THIEF_SPINNING] = {"noise.gap.",     NULL,            "noise.gap.lost"},
    [THIEF_QUIET] = { "noise.stall.",  "noise.steal",   "noise.stall"   },
    [THIEF_WHOLE] = { "witness.lost.", "witness.steal", "witness.stall" },
};

/*
 * From which share of the CPU time on a cause is worth a name. Ticks, daemons and the gaps too
 * short to be explained take some on every host; a quota or a stop signal does not.
 */
static const double thief_share_min[CAUSES] = {
    [CAUSE_HYPERVISOR] = 0.005, [CAUSE_UNREPORTED] = 0.005,
    [CAUSE_OTHERS] = 0.01,      [CAUSE_OWN] = 1,
    [CAUSE_QUOTA] = 0.001,      [CAUSE_INTERRUPTS] = 0.05,
    [CAUSE_HALTED] = 0.001,     [CAUSE_UNKNOWN] = 0.01,
};

struct thief_share thief_metric(const struct document *d, const char *id)
{
    const struct result_metric *m = document_metric(d, id, NULL);
    const struct result_statistic *s = m && m->n > 0 ? result_statistic_find(m, "value") : NULL;
    return s ? (struct thief_share){ s->value, s->low, s->high }
             : (struct thief_share){ NAN, NAN, NAN };
}

static void look_through(const struct document *d, enum thief_view view, struct thief_window *w)
{
    const struct result_metric *clock = document_metric(d, thief_views[view].clock, NULL);
    const char *steal = thief_views[view].steal;
    *w = (struct thief_window){ .observed_ns = clock && clock->n > 0 ? clock->observed_ns : 0 };
    w->steal = steal ? thief_metric(d, steal) : (struct thief_share){ NAN, NAN, NAN };
    for (int c = 0; c < CAUSES; c++) {
        char id[LIMITS_NAME_BYTES];
        (void)snprintf(id, sizeof id, "%s%s", thief_views[view].cause_prefix,
                       cause_id((enum cause)c));
        w->by_cause[c] = thief_metric(d, id);
        w->looked = w->looked || !isnan(w->by_cause[c].value);
    }
}

static bool is_of(const struct result_event *event, enum cause cause)
{
    int c = cause_of_id(event->cause);
    return c == (int)cause || (cause == CAUSE_HYPERVISOR && c == CAUSE_UNREPORTED);
}

static double known(double share)
{
    return isnan(share) ? 0 : share;
}

double thief_taken(const struct thief_window *w, enum cause cause)
{
    double share = known(w->by_cause[cause].value);
    return cause == CAUSE_HYPERVISOR ? share + known(w->by_cause[CAUSE_UNREPORTED].value) : share;
}

double thief_most(const struct thief *t, enum cause cause)
{
    double most = 0;
    for (unsigned v = 0; v < THIEF_VIEWS; v++)
        most = fmax(most, thief_taken(&t->windows[v], cause));
    return most;
}

static const struct result_event *longer(const struct result *r, enum cause cause,
                                         const struct result_event *longest)
{
    for (unsigned i = 0; i < r->event_count; i++) {
        const struct result_event *event = &r->events[i];
        if (is_of(event, cause) && (!longest || event->duration_ns > longest->duration_ns))
            longest = event;
    }
    return longest;
}

static const struct result_event *longest_of(const struct document *d, enum cause cause)
{
    const struct result_event *longest = longer(&d->witness, cause, NULL);
    for (unsigned i = 0; i < d->measurement_count; i++)
        longest = longer(&d->measurements[i], cause, longest);
    return longest;
}

/* The time of that cause in the events of r: on that CPU, or on all of them for -1. */
static double listed_in(const struct result *r, enum cause cause, int32_t cpu)
{
    double sum_ns = 0;
    for (unsigned i = 0; i < r->event_count; i++) {
        const struct result_event *event = &r->events[i];
        if (is_of(event, cause) && event->cpu >= 0 && (cpu < 0 || event->cpu == cpu))
            sum_ns += (double)event->duration_ns;
    }
    return sum_ns;
}

static double listed_ns(const struct document *d, enum cause cause, int32_t cpu)
{
    double sum_ns = listed_in(&d->witness, cause, cpu);
    for (unsigned i = 0; i < d->measurement_count; i++)
        sum_ns += listed_in(&d->measurements[i], cause, cpu);
    return sum_ns;
}

static int32_t felt_on(const struct document *d, enum cause cause, const struct result_event *event)
{
    const struct fact *cpus = facts_find(&d->host, "host.cpus");
    bool single = cpus && cpus->kind == FACT_NUMBER && cpus->number < 2;
    if (single || !event || event->cpu < 0)
        return -1;
    double here_ns = listed_ns(d, cause, event->cpu);
    return here_ns >= THIEF_MOST_ON_CPU * listed_ns(d, cause, -1) ? event->cpu : -1;
}

/* Own load is no thief, and unreported theft counts as the hypervisor's. */
static void hear(const struct document *d, struct thief *t)
{
    for (int c = 0; c < CAUSES; c++) {
        enum cause cause = (enum cause)c;
        const struct result_event *longest = longest_of(d, cause);
        bool is_long = longest && longest->duration_ns >= THIEF_LONG_NS;
        t->suspects[c] = c != CAUSE_OWN && c != CAUSE_UNREPORTED &&
                         (is_long || thief_most(t, cause) >= thief_share_min[c]);
    }
}

/* The one that took most; what is unknown only when there is nobody else. */
static bool accuse(struct thief *t)
{
    double most = -1;
    for (int c = 0; c < CAUSES; c++) {
        double share = thief_most(t, (enum cause)c);
        if (!t->suspects[c] || share <= most || (c == CAUSE_UNKNOWN && most >= 0))
            continue;
        most = share;
        t->cause = (enum cause)c;
    }
    return most >= 0;
}

void thief_find(const struct document *d, struct thief *t)
{
    *t = (struct thief){ .cause = CAUSE_UNKNOWN, .cpu = -1 };
    bool looked = false;
    bool reported = false;
    for (unsigned v = 0; v < THIEF_VIEWS; v++) {
        look_through(d, (enum thief_view)v, &t->windows[v]);
        looked = looked || t->windows[v].looked;
        reported = reported || !isnan(t->windows[v].steal.value);
    }
    if (!looked) {
        t->finding = reported ? THIEF_REPORTED : THIEF_NOT_ASKED;
        return;
    }
    hear(d, t);
    t->finding = accuse(t) ? THIEF_FOUND : THIEF_NOBODY;
    if (t->finding != THIEF_FOUND)
        return;
    t->longest = longest_of(d, t->cause);
    t->cpu = felt_on(d, t->cause, t->longest);
}
