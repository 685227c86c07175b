#include "reports/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/units.h"

const enum grade page_order[PAGE_GRADES] = { GRADE_UNFIT, GRADE_MARGINAL, GRADE_UNKNOWN,
                                             GRADE_FIT };

static const struct fact *known(const struct document *d, const char *name)
{
    const struct fact *f = facts_find(&d->host, name);
    return f && f->kind != FACT_UNKNOWN ? f : NULL;
}

/* before, the fact as people read it, after; nothing when it is not known. */
static bool add_fact(const struct document *d, const char *name, const char *before,
                     const char *after, struct buf *out)
{
    const struct fact *f = known(d, name);
    if (!f)
        return false;
    buf_adds(out, before);
    facts_show(f, out);
    buf_adds(out, after);
    return true;
}

const char *page_hostname(const struct document *d)
{
    const struct fact *f = known(d, "host.hostname");
    return f && f->kind == FACT_TEXT && *f->text ? f->text : "this host";
}

static void add_system(const struct document *d, struct buf *out)
{
    const struct fact *container = known(d, "host.container");
    const struct fact *machine = known(d, "host.virtualization");
    if (machine)
        buf_addf(out, "%s, ", facts_holds(machine, "none") ? "bare metal" : machine->text);
    if (container && !facts_holds(container, "none"))
        buf_addf(out, "inside %s, ", container->text);
}

void page_host(const struct document *d, struct buf *out)
{
    const struct fact *cpus = known(d, "host.cpus");
    add_system(d, out);
    if (cpus && cpus->kind == FACT_NUMBER)
        buf_addf(out, "%.0f CPU%s", cpus->number, cpus->number > 1 ? "s" : "");
    (void)add_fact(d, "host.cpu.model", " (", ")", out);
    (void)add_fact(d, "host.memory", ", ", " memory", out);
    (void)add_fact(d, "host.os", ", ", "", out);
    (void)add_fact(d, "host.kernel.release", ", Linux ", "", out);
    if (add_fact(d, "host.disk.fs", ", ", "", out))
        (void)add_fact(d, "host.disk.device", " on ", "", out);
    (void)add_fact(d, "host.disk.driver", " (", ")", out);
    if (out->size == 0)
        buf_adds(out, "a host of which nothing is known");
}

static void page_places(const struct document *d, struct buf *out)
{
    if (d->place_count == 0)
        buf_adds(out, d->dir);
    for (unsigned i = 0; i < d->place_count; i++) {
        const struct document_place *place = &d->places[i];
        buf_addf(out, "%s%s", i ? ", " : "", place->dir);
        if (place->name[0])
            buf_addf(out, " (%s)", place->name);
    }
}

void page_run(const struct document *d, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    buf_addf(out, "measured %s for %s in ", d->started,
             units_format((double)d->duration_ns, UNIT_NS, text));
    page_places(d, out);
    buf_addf(out, " by plimsoll %s, seed %llu", d->version, (unsigned long long)d->seed);
    for (unsigned i = 0; i < d->label_count; i++)
        buf_addf(out, "%s %s=%s", i ? "," : ";", d->labels[i].key, d->labels[i].value);
    if (d->interrupted)
        buf_adds(out, "; interrupted before the end");
}

void page_why(const char *how, const char *reason, struct buf *out)
{
    static const char not_measured[] = "not measured";
    if (strncmp(reason, not_measured, sizeof not_measured - 1) == 0)
        buf_adds(out, reason);
    else
        buf_addf(out, "%s: %s", how, reason);
}

/* The fact of the measurement's own name, of its place: what was concluded from it. */
static const struct fact *conclusion(const struct document *d, const struct result *r)
{
    const struct fact *f = document_fact(d, r, r->probe);
    return f && f->kind == FACT_TEXT ? f : NULL;
}

bool page_concludes(const struct document *d, const struct result *r)
{
    return conclusion(d, r) != NULL;
}

static void add_conclusion(const struct document *d, const struct result *r, struct buf *out)
{
    const struct fact *f = conclusion(d, r);
    if (!f)
        return;
    buf_addf(out, "%s%s", out->size ? "; " : "", f->text);
    if (r->metric_count == 0 && f->reason && f->reason[0])
        buf_addf(out, ": %s", f->reason);
}

void page_figures(const struct document *d, const struct result *r, struct buf *out)
{
    struct buf figures = { 0 };
    if (r->status != STATUS_MEASURED)
        page_why(status_name(r->status), r->reason, out);
    if (r->status == STATUS_MEASURED || r->status == STATUS_UNTRUSTED)
        result_headline(r, &figures);
    add_conclusion(d, r, &figures);
    if (figures.size > 0)
        buf_addf(out, r->status == STATUS_UNTRUSTED ? " (%s)" : "%s", buf_text(&figures));
    else if (r->status == STATUS_MEASURED)
        buf_adds(out, "done");
    buf_release(&figures);
}

const char *page_score(double score, char text[PAGE_SHORT_BYTES])
{
    /* Cut, not rounded: 49.6 is below the fit bound and must not read 50. */
    if (isnan(score))
        (void)snprintf(text, PAGE_SHORT_BYTES, "-");
    else
        (void)snprintf(text, PAGE_SHORT_BYTES, "%.0f", floor(score));
    return text;
}

const char *page_headroom(double headroom, char text[PAGE_SHORT_BYTES])
{
    /* Cut for the same reason: 0.996 is not 1.00. */
    if (isnan(headroom))
        (void)snprintf(text, PAGE_SHORT_BYTES, "-");
    else if (headroom > 999)
        (void)snprintf(text, PAGE_SHORT_BYTES, "over 999x");
    else if (headroom >= 10)
        (void)snprintf(text, PAGE_SHORT_BYTES, "%.0fx", floor(headroom));
    else if (headroom >= 1)
        (void)snprintf(text, PAGE_SHORT_BYTES, "%.1fx", floor(headroom * 10) / 10);
    else
        (void)snprintf(text, PAGE_SHORT_BYTES, "%.2fx", floor(headroom * 100) / 100);
    return text;
}

const struct finding *page_decisive(const struct verdict *v)
{
    return v->decided_by < 0 ? NULL : &v->findings[v->decided_by];
}

void page_grade(const struct verdict *v, struct buf *out)
{
    buf_adds(out, grade_name(v->grade));
    if (v->unknown > 0)
        buf_addf(out, " on %u of %u criteria", v->known, v->known + v->unknown);
}

void page_counts(const struct verdict *v, struct buf *out)
{
    bool any = false;
    for (unsigned g = 0; g < PAGE_GRADES; g++) {
        unsigned count = 0;
        for (unsigned i = 0; i < v->profile->count; i++)
            count += v->findings[i].grade == page_order[g];
        if (count > 0)
            buf_addf(out, "%s%u %s", any ? ", " : "", count, grade_name(page_order[g]));
        any = any || count > 0;
    }
}

void page_value(const struct finding *f, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    if (isnan(f->value))
        buf_adds(out, f->value_text);
    else
        buf_adds(out, units_format(f->value, f->criterion->unit, text));
    if (*f->peer && !isnan(f->value))
        buf_addf(out, " to %s", f->peer);
}

void page_others(const struct finding *f, struct buf *out)
{
    if (*f->others)
        buf_addf(out, "others: %s", f->others);
}

void page_found(const struct finding *f, struct buf *out)
{
    AUTO(buf) struct buf evidence = { 0 };
    page_evidence(f, &evidence);
    if (*f->reason)
        page_why(f->value_text, f->reason, out);
    else if (evidence.size == 0 && !*f->peer)
        buf_adds(out, f->value_text);
    else
        page_value(f, out);
    if (evidence.size > 0)
        buf_addf(out, "; %s", buf_text(&evidence));
    if (*f->others)
        buf_adds(out, "; ");
    page_others(f, out);
}

void page_evidence(const struct finding *f, struct buf *out)
{
    char bound[UNITS_TEXT_BYTES];
    char time[UNITS_TEXT_BYTES];
    double unseen = f->grade == GRADE_FIT ? f->criterion->fit : f->criterion->unfit;
    if (isnan(f->rate_bound_per_hour) || isnan(unseen) || f->grade > GRADE_MARGINAL)
        return;
    buf_addf(out, "none above %s in %s (< %.*f/h)", units_format(unseen, f->criterion->unit, bound),
             units_format((double)f->observed_ns, UNIT_NS, time),
             f->rate_bound_per_hour < 10 ? 1 : 0, f->rate_bound_per_hour);
}

void page_bound(const struct finding *f, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    const struct criterion *c = f->criterion;
    if (f->grade == GRADE_UNFIT && !isnan(c->unfit))
        buf_addf(out, "unfit %s %s", c->kind == CRITERION_AT_MOST ? ">" : "<",
                 units_format(c->unfit, c->unit, text));
    else
        buf_addf(out, "%s%s", isnan(c->fit) ? "" : "fit ", f->bound_text);
}

void page_judged(const struct finding *f, struct buf *out)
{
    page_value(f, out);
    if (f->grade == GRADE_FIT && !isnan(f->rate_bound_per_hour)) {
        buf_adds(out, "; ");
        page_evidence(f, out);
    } else if (!isnan(f->value)) {
        buf_adds(out, " (");
        page_bound(f, out);
        buf_adds(out, ")");
    }
    if (f->close)
        buf_adds(out, ", close");
}

void page_interval(double low, double high, enum unit unit, struct buf *out)
{
    char from[UNITS_TEXT_BYTES];
    char to[UNITS_TEXT_BYTES];
    units_format(low, unit, from);
    units_format(high, unit, to);
    if (isnan(low) && isnan(high))
        buf_adds(out, "-");
    else if (isnan(high))
        buf_addf(out, "at least %s", from);
    else if (isnan(low))
        buf_addf(out, "at most %s", to);
    else
        buf_addf(out, "%s to %s", from, to);
}

static void add_words(const char *before, char *const *words, struct buf *out)
{
    for (char *const *w = words; w && *w; w++)
        buf_addf(out, "%s%s", w == words ? before : ", ", *w);
}

void page_bounds(const struct criterion *c, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    bool most = c->kind == CRITERION_AT_MOST;
    if (most || c->kind == CRITERION_AT_LEAST) {
        buf_addf(out, "fit %s %s", most ? "<=" : ">=", units_format(c->fit, c->unit, text));
        if (!isnan(c->unfit))
            buf_addf(out, ", unfit %s %s", most ? ">" : "<", units_format(c->unfit, c->unit, text));
        return;
    }
    add_words("unfit on ", c->unfit_on, out);
    add_words(c->unfit_on ? "; marginal on " : "marginal on ", c->marginal_on, out);
    if (c->requires) {
        buf_adds(out, grade_name(c->otherwise));
        add_words(" without one of ", c->requires, out);
    }
}

/* Adds a name to a list of names, once, while there is room. */
static void join(char *list, size_t size, const char *name)
{
    size_t used = strlen(list);
    size_t n = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name)) {
        if ((at == list || at[-1] == ' ') && (at[n] == ',' || at[n] == '\0'))
            return;
    }
    if (used + n + 3 < size)
        (void)snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
}

static void add_gap(const char *what, const char *how, const char *reason, struct page_gap *gaps,
                    unsigned *count)
{
    unsigned i = 0;
    while (i < *count && (strcmp(gaps[i].reason, reason) != 0 || strcmp(gaps[i].how, how) != 0)) {
        i++;
    }
    if (i == PAGE_GAPS)
        return;
    if (i == *count) {
        gaps[i] = (struct page_gap){ .how = how, .reason = reason };
        (*count)++;
    }
    join(gaps[i].what, sizeof gaps[i].what, what);
}

static void add_gaps(const struct finding *f, struct page_gap *gaps, unsigned *count)
{
    if (f->absent > 0)
        add_gap(f->absent_name, f->absent_how, f->absent_reason, gaps, count);
    else if (f->grade == GRADE_UNKNOWN)
        add_gap(*f->probe ? f->probe : f->criterion->metric, f->value_text, f->reason, gaps, count);
}

unsigned page_gaps(const struct report *r, struct page_gap gaps[PAGE_GAPS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        for (unsigned k = 0; k < v->profile->count; k++)
            add_gaps(&v->findings[k], gaps, &count);
    }
    return count;
}
