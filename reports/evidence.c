#include "reports/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/cause.h"
#include "probes/kit/units.h"
#include "reports/page.h"

static const char *count_text(uint64_t n, char text[PAGE_SHORT_BYTES])
{
    (void)snprintf(text, PAGE_SHORT_BYTES, "%llu", (unsigned long long)n);
    return text;
}

static void statistic(struct html *h, const struct result_metric *m,
                      const struct result_statistic *s)
{
    char text[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf interval = { 0 };
    page_interval(s->low, s->high, m->unit, &interval);
    html_open(h, "span", "stat");
    html_leaf(h, "b", NULL, s->name);
    html_text(h, " ");
    html_text(h, units_format(s->value, m->unit, text));
    if (!isnan(s->low) && !isnan(s->high))
        html_leaf(h, "i", NULL, buf_text(&interval));
    html_close(h);
}

static void metric_row(struct html *h, const struct result_metric *m)
{
    char text[UNITS_TEXT_BYTES];
    char n[PAGE_SHORT_BYTES];
    html_open(h, "tr", NULL);
    html_leaf(h, "td", "name", m->id);
    html_open(h, "td", NULL);
    for (unsigned i = 0; i < m->statistic_count; i++) {
        if (!isnan(m->statistics[i].value))
            statistic(h, m, &m->statistics[i]);
    }
    html_close(h);
    html_leaf(h, "td", "number", count_text(m->n, n));
    html_leaf(h, "td", "number", units_format((double)m->observed_ns, UNIT_NS, text));
    html_close(h);
}

static void metrics(struct html *h, const struct result *r)
{
    static const char *const heads[] = { "metric", "figures, 95 % interval below", "samples",
                                         "observed" };
    if (r->metric_count == 0)
        return;
    html_open(h, "div", "scroll");
    html_open(h, "table", "metrics");
    html_open(h, "thead", NULL);
    html_open(h, "tr", NULL);
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++)
        html_leaf(h, "th", i > 1 ? "number" : NULL, heads[i]);
    html_close(h);
    html_close(h);
    html_open(h, "tbody", NULL);
    for (unsigned i = 0; i < r->metric_count; i++)
        metric_row(h, &r->metrics[i]);
    html_close(h);
    html_close(h);
    html_close(h);
}

static void parameters(struct html *h, const struct result *r)
{
    const char *key;
    json_t *value;
    if (!r->parameters || json_object_size(r->parameters) == 0)
        return;
    html_open(h, "p", "parameters");
    html_text(h, "Parameters: ");
    json_object_foreach(r->parameters, key, value)
    {
        AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        html_open(h, "code", NULL);
        html_text(h, key);
        html_text(h, "=");
        html_text(h, text ? text : "?");
        html_close(h);
        html_text(h, " ");
    }
    html_close(h);
}

static void notes(struct html *h, const struct result *r)
{
    if (r->note_count == 0)
        return;
    html_open(h, "ul", NULL);
    for (unsigned i = 0; i < r->note_count; i++)
        html_leaf(h, "li", NULL, r->notes[i]);
    html_close(h);
}

static void events(struct html *h, const struct result *r)
{
    char at[UNITS_TEXT_BYTES];
    if (r->event_count == 0)
        return;
    html_leaf(h, "p", "label", "Events, by the time since the run began");
    html_open(h, "ul", "events");
    for (unsigned i = 0; i < r->event_count; i++) {
        int cause = cause_of_id(r->events[i].cause);
        html_open(h, "li", NULL);
        html_leaf(h, "b", NULL, units_format((double)r->events[i].at_ns, UNIT_NS, at));
        html_text(h, " ");
        html_text(h, r->events[i].what);
        html_text(h, cause >= 0 ? ": " : "");
        html_text(h, cause >= 0 ? cause_name((enum cause)cause) : "");
        html_close(h);
    }
    html_close(h);
    if (r->events_dropped > 0) {
        AUTO(buf) struct buf words = { 0 };
        buf_addf(&words, "%llu shorter ones are not listed.",
                 (unsigned long long)r->events_dropped);
        html_leaf(h, "p", "label", buf_text(&words));
    }
}

static void witnessed(struct html *h, const struct result *r)
{
    const struct witnessed *w = &r->witnessed;

    const struct {
        const char *name;
        double value;
        enum unit unit;
    } rows[] = {
        {"stolen",                   w->steal_ratio,           UNIT_RATIO      },
        { "stolen on the worst CPU", w->steal_worst_cpu_ratio, UNIT_RATIO      },
        { "CPU pressure",            w->cpu_pressure_ratio,    UNIT_RATIO      },
        { "I/O pressure",            w->io_pressure_ratio,     UNIT_RATIO      },
        { "memory pressure",         w->memory_pressure_ratio, UNIT_RATIO      },
        { "throttled by quota",      w->throttled_ratio,       UNIT_RATIO      },
        { "wall clock stepped by",   w->clock_step_ns,         UNIT_NS         },
        { "longest stall",           w->stall_max_ns,          UNIT_NS         },
        { "CPU of other processes",  w->others_cpu_ratio,      UNIT_RATIO      },
        { "their I/O",               w->others_io_bytes_per_s, UNIT_BYTES_PER_S},
    };

    char text[UNITS_TEXT_BYTES];
    bool any = false;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (isnan(rows[i].value))
            continue;
        if (!any) {
            html_open(h, "p", "witnessed");
            html_text(h, "Meanwhile: ");
        } else {
            html_text(h, ", ");
        }
        any = true;
        html_text(h, rows[i].name);
        html_text(h, " ");
        html_text(h, units_format(rows[i].value, rows[i].unit, text));
    }
    if (any && w->largest_other[0]) {
        html_text(h, ", the busiest of them ");
        html_text(h, w->largest_other);
        html_text(h, " with ");
        html_text(h, units_format(w->largest_other_cpu_ratio, UNIT_RATIO, text));
        html_text(h, " of a CPU");
    }
    if (any)
        html_close(h);
}

static void times(struct html *h, const struct result *r)
{
    char start[UNITS_TEXT_BYTES];
    char length[UNITS_TEXT_BYTES];
    char written[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf words = { 0 };
    buf_addf(&words, "Began at %s, took %s in %u round%s, seed %llu",
             units_format((double)r->started_ns, UNIT_NS, start),
             units_format((double)r->duration_ns, UNIT_NS, length), r->rounds,
             r->rounds == 1 ? "" : "s", (unsigned long long)r->seed);
    if (r->written_bytes > 0)
        buf_addf(&words, ", wrote %s", units_format((double)r->written_bytes, UNIT_BYTES, written));
    html_leaf(h, "p", "times", buf_text(&words));
}

static void measurement(struct html *h, const struct document *d, const struct result *r)
{
    AUTO(buf) struct buf figures = { 0 };
    page_figures(d, r, &figures);
    html_open(h, "details", NULL);
    html_open(h, "summary", NULL);
    AUTO(buf) struct buf name = { 0 };
    result_name(r, &name);
    html_leaf(h, "span", "name", buf_text(&name));
    html_leaf(h, "span", r->status == STATUS_MEASURED ? "figures" : "figures absent",
              buf_text(&figures));
    html_close(h);
    html_leaf(h, "p", "title", r->title);
    metrics(h, r);
    notes(h, r);
    events(h, r);
    witnessed(h, r);
    parameters(h, r);
    times(h, r);
    html_close(h);
}

void evidence_measurements(struct html *h, const struct document *d)
{
    if (d->measurement_count == 0 && !*d->witness.probe)
        return;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Measurements");
    for (unsigned i = 0; i < d->measurement_count; i++)
        measurement(h, d, &d->measurements[i]);
    if (*d->witness.probe)
        measurement(h, d, &d->witness);
    html_close(h);
}

static void fact_row(struct html *h, const struct fact *f)
{
    AUTO(buf) struct buf value = { 0 };
    facts_show(f, &value);
    html_open(h, "tr", NULL);
    html_leaf(h, "td", "name", f->name);
    html_open(h, "td", NULL);
    html_words(h, &value);
    if (f->kind != FACT_UNKNOWN && f->reason && *f->reason)
        html_leaf(h, "i", NULL, f->reason);
    html_close(h);
    html_close(h);
}

void evidence_host(struct html *h, const struct document *d)
{
    if (d->host.count == 0)
        return;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Host");
    html_open(h, "details", NULL);
    html_leaf(h, "summary", NULL, "Every fact about the host");
    html_open(h, "div", "scroll");
    html_open(h, "table", "facts");
    html_open(h, "tbody", NULL);
    for (unsigned i = 0; i < d->host.count; i++)
        fact_row(h, &d->host.items[i]);
    for (unsigned i = 0; i < 5; i++)
        html_close(h);
}
