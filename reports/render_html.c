#include <math.h>
#include <stdio.h>

#include "probes/kit/auto.h"
#include "reports/evidence.h"
#include "reports/formats.h"
#include "reports/html.h"
#include "reports/noise.h"
#include "reports/page.h"
#include "reports/style.h"

static void header(struct html *h, const struct document *d)
{
    AUTO(buf) struct buf host = { 0 };
    AUTO(buf) struct buf run = { 0 };
    page_host(d, &host);
    page_run(d, &run);
    html_open(h, "header", NULL);
    html_open(h, "h1", NULL);
    html_text(h, "What ");
    html_text(h, page_hostname(d));
    html_text(h, " can carry");
    html_close(h);
    html_leaf(h, "p", NULL, buf_text(&host));
    html_leaf(h, "p", "run", buf_text(&run));
    html_close(h);
}

static void pill(struct html *h, enum grade g)
{
    static const char *const classes[] = {
        [GRADE_FIT] = "pill fit",
        [GRADE_MARGINAL] = "pill marginal",
        [GRADE_UNFIT] = "pill unfit",
        [GRADE_UNKNOWN] = "pill unknown",
    };
    html_leaf(h, "span", classes[g], grade_name(g));
}

static void heads(struct html *h, const char *const *names, const char *const *classes)
{
    html_open(h, "thead", NULL);
    html_open(h, "tr", NULL);
    for (unsigned i = 0; names[i]; i++)
        html_leaf(h, "th", classes[i], names[i]);
    html_close(h);
    html_close(h);
}

/* ---- the table of verdicts */

static void decided(struct html *h, const struct finding *f)
{
    AUTO(buf) struct buf words = { 0 };
    html_open(h, "td", NULL);
    if (f) {
        html_text(h, f->criterion->title);
        html_text(h, " ");
        page_value(f, &words);
        html_leaf(h, "b", NULL, buf_text(&words));
        if (f->close)
            html_leaf(h, "span", "close", "close");
        buf_clear(&words);
        if (f->grade == GRADE_FIT)
            page_evidence(f, &words);
        if (words.size > 0)
            html_leaf(h, "i", NULL, buf_text(&words));
    } else {
        html_text(h, "nothing was measured");
    }
    html_close(h);
}

static void role_row(struct html *h, const struct verdict *v)
{
    const struct finding *f = page_decisive(v);
    AUTO(buf) struct buf bound = { 0 };
    char text[PAGE_SHORT_BYTES];
    if (f)
        page_bound(f, &bound);
    html_open(h, "tr", NULL);
    html_leaf(h, "td", "role name", v->profile->role);
    html_open(h, "td", "verdict");
    pill(h, v->grade);
    html_close(h);
    decided(h, f);
    html_leaf(h, "td", "short bound", buf_text(&bound));
    html_leaf(h, "td", "short number headroom", f ? page_headroom(f->headroom, text) : "-");
    html_leaf(h, "td", "short number score", page_score(v->score, text));
    (void)snprintf(text, sizeof text, "%u of %u", v->unknown, v->known + v->unknown);
    html_leaf(h, "td", "short number left", text);
    html_close(h);
}

static void roles(struct html *h, const struct report *r)
{
    static const char *const names[] = { "role",     "verdict", "decided by", "bound",
                                         "headroom", "score",   "unknown",    NULL };
    static const char *const classes[] = { NULL, NULL, NULL, NULL, "number", "number", "number" };
    if (r->verdict_count == 0)
        return;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Verdict");
    html_open(h, "table", "roles");
    heads(h, names, classes);
    html_open(h, "tbody", NULL);
    for (unsigned i = 0; i < r->verdict_count; i++)
        role_row(h, &r->verdicts[i]);
    html_close(h);
    html_close(h);
    html_leaf(h, "p", "run",
              "A role is as good as its worst criterion. Headroom is the factor between value and "
              "bound; the score is 50 at the fit bound, 100 at four times better, 0 at the unfit "
              "bound. Unknown counts the criteria that could not be judged.");
    html_close(h);
}

static void gaps(struct html *h, const struct report *r)
{
    struct page_gap all[PAGE_GAPS];
    unsigned count = page_gaps(r, all);
    if (count == 0)
        return;
    html_open(h, "section", NULL);
    html_leaf(h, "h2", NULL, "Unknown, and left out of the verdicts");
    html_open(h, "ul", NULL);
    for (unsigned i = 0; i < count; i++) {
        AUTO(buf) struct buf words = { 0 };
        page_why(all[i].how, all[i].reason, &words);
        html_open(h, "li", NULL);
        html_leaf(h, "span", "name", all[i].what);
        html_text(h, ": ");
        html_words(h, &words);
        html_close(h);
    }
    html_close(h);
    html_close(h);
}

/* ---- every criterion of a role */

static void found(struct html *h, const struct finding *f)
{
    AUTO(buf) struct buf words = { 0 };
    html_open(h, "td", "found");
    page_found(f, &words);
    html_leaf(h, "b", NULL, buf_text(&words));
    buf_clear(&words);
    if (!isnan(f->low) && !isnan(f->high)) {
        buf_adds(&words, "95 %: ");
        page_interval(f->low, f->high, f->criterion->unit, &words);
        html_leaf(h, "i", NULL, buf_text(&words));
        buf_clear(&words);
    }
    if (f->n > 0)
        buf_addf(&words, "%llu samples, ", (unsigned long long)f->n);
    buf_adds(&words, *f->probe ? f->probe : "-");
    if (*f->peer)
        buf_addf(&words, "@%s", f->peer);
    html_leaf(h, "i", NULL, buf_text(&words));
    html_close(h);
}

static void bounds(struct html *h, const struct finding *f)
{
    char text[PAGE_SHORT_BYTES];
    AUTO(buf) struct buf words = { 0 };
    page_bounds(f->criterion, &words);
    html_open(h, "td", "bounds");
    html_words(h, &words);
    if (!isnan(f->headroom)) {
        buf_clear(&words);
        buf_addf(&words, "headroom %s", page_headroom(f->headroom, text));
        html_leaf(h, "i", NULL, buf_text(&words));
    }
    html_close(h);
}

static void reasons(struct html *h, const struct finding *f)
{
    const struct criterion *c = f->criterion;
    html_open(h, "td", "why");
    html_leaf(h, "p", NULL, c->why);
    html_leaf(h, "p", f->grade == GRADE_FIT ? NULL : "advice", c->advice);
    html_open(h, "p", "source");
    html_text(h, c->source);
    html_text(h, " (");
    html_text(h, c->basis);
    html_text(h, ")");
    html_close(h);
    html_close(h);
}

static void criterion_row(struct html *h, const struct finding *f)
{
    html_open(h, "tr", f->grade == GRADE_UNFIT ? "unfit-row" : NULL);
    html_open(h, "td", NULL);
    html_text(h, f->criterion->title);
    if (f->close)
        html_leaf(h, "span", "close", "close");
    html_leaf(h, "i", NULL, f->criterion->id);
    html_close(h);
    html_open(h, "td", NULL);
    pill(h, f->grade);
    html_close(h);
    found(h, f);
    bounds(h, f);
    reasons(h, f);
    html_close(h);
}

static void role_details(struct html *h, const struct verdict *v)
{
    static const char *const names[] = {
        "criterion", "verdict", "found", "bounds", "why, what to do, source", NULL
    };
    static const char *const classes[] = { NULL, NULL, NULL, NULL, NULL };
    AUTO(buf) struct buf counts = { 0 };
    page_counts(v, &counts);
    html_open(h, "details", NULL);
    html_open(h, "summary", NULL);
    html_leaf(h, "span", "name", v->profile->role);
    pill(h, v->grade);
    html_leaf(h, "span", "figures absent", buf_text(&counts));
    html_close(h);
    html_leaf(h, "p", "title", v->profile->title);
    html_open(h, "table", "criteria");
    heads(h, names, classes);
    html_open(h, "tbody", NULL);
    for (unsigned g = 0; g < PAGE_GRADES; g++) {
        for (unsigned i = 0; i < v->profile->count; i++) {
            if (v->findings[i].grade == page_order[g])
                criterion_row(h, &v->findings[i]);
        }
    }
    html_close(h);
    html_close(h);
    html_close(h);
}

static int render(const struct report *r, struct buf *out, struct err *e)
{
    struct html h = { .out = out };
    AUTO(buf) struct buf title = { 0 };
    buf_addf(&title, "%s: plimsoll", page_hostname(r->document));
    style_begin(&h, buf_text(&title));
    html_open(&h, "main", NULL);
    header(&h, r->document);
    roles(&h, r);
    noise_thief(&h, r->document);
    if (noise_worst(&h, r->document, e))
        return -1;
    gaps(&h, r);
    if (r->verdict_count > 0) {
        html_open(&h, "section", NULL);
        html_leaf(&h, "h2", NULL, "Every criterion");
        for (unsigned i = 0; i < r->verdict_count; i++)
            role_details(&h, &r->verdicts[i]);
        html_close(&h);
    }
    evidence_measurements(&h, r->document);
    evidence_host(&h, r->document);
    html_close(&h);
    html_raw(&h, "</body>\n</html>\n");
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large") : 0;
}

const struct renderer render_html = { .name = "html", .suffix = "html", .render = render };
