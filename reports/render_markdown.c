#include "probes/kit/auto.h"
#include "reports/formats.h"
#include "reports/markdown.h"
#include "reports/page.h"
#include "reports/thief.h"
#include "reports/worst.h"

static void say_words(struct buf *out, const struct buf *words)
{
    markdown_say(out, buf_text(words));
}

/* A row is "|" and its cells. */
static void cell(struct buf *out, const char *words)
{
    buf_adds(out, " ");
    markdown_say(out, words);
    buf_adds(out, " |");
}

static void cell_words(struct buf *out, const struct buf *words)
{
    cell(out, buf_text(words));
}

static void cell_grade(struct buf *out, enum grade g)
{
    const char *mark = g == GRADE_FIT ? "" : "**";
    buf_addf(out, " %s%s%s |", mark, grade_name(g), mark);
}

static void head(const struct report *r, struct buf *out)
{
    AUTO(buf) struct buf host = { 0 };
    AUTO(buf) struct buf run = { 0 };
    buf_adds(out, "# What ");
    markdown_say(out, page_hostname(r->document));
    buf_adds(out, " can carry\n\n");
    page_host(r->document, &host);
    say_words(out, &host);
    buf_adds(out, "\n\n");
    page_run(r->document, &run);
    say_words(out, &run);
    buf_adds(out, "\n\n");
}

static void role_row(const struct verdict *v, struct buf *out)
{
    const struct finding *f = page_decisive(v);
    AUTO(buf) struct buf value = { 0 };
    AUTO(buf) struct buf bound = { 0 };
    char text[PAGE_SHORT_BYTES];
    buf_adds(out, "|");
    cell(out, v->profile->role);
    cell_grade(out, v->grade);
    cell(out, page_score(v->score, text));
    if (f) {
        page_value(f, &value);
        page_bound(f, &bound);
    }
    cell(out, f ? f->criterion->title : "nothing was measured");
    cell_words(out, &value);
    cell(out, buf_text(&bound));
    cell(out, f ? page_headroom(f->headroom, text) : "-");
    buf_addf(out, " %u of %u |", v->unknown, v->known + v->unknown);
    cell(out, f && f->close ? "close" : "");
    buf_adds(out, "\n");
}

static void roles(const struct report *r, struct buf *out)
{
    if (r->verdict_count == 0)
        return;
    buf_adds(out, "| role | verdict | score | decided by | value | bound | headroom | unknown "
                  "criteria | |\n|---|---|--:|---|--:|---|--:|--:|---|\n");
    for (unsigned i = 0; i < r->verdict_count; i++)
        role_row(&r->verdicts[i], out);
    buf_adds(out, "\n");
}

static void results(const struct report *r, struct buf *out)
{
    const struct document *d = r->document;
    if (d->measurement_count == 0)
        return;
    buf_adds(out, "## Figures\n\n| probe | figures |\n|---|---|\n");
    for (unsigned i = 0; i < d->measurement_count; i++) {
        AUTO(buf) struct buf words = { 0 };
        page_figures(d, &d->measurements[i], &words);
        buf_adds(out, "|");
        AUTO(buf) struct buf name = { 0 };
        result_name(&d->measurements[i], &name);
        cell_words(out, &name);
        cell_words(out, &words);
        buf_adds(out, "\n");
    }
    buf_adds(out, "\n");
}

static void thief(const struct report *r, struct buf *out)
{
    struct thief found;
    AUTO(buf) struct buf words = { 0 };
    thief_find(r->document, &found);
    thief_tell(r->document, &found, &words);
    if (words.size == 0)
        return;
    buf_adds(out, "## Who took the CPU\n\n");
    say_words(out, &words);
    buf_adds(out, "\n\n");
}

static void worst_row(const struct worst *w, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf name = { 0 };
    AUTO(buf) struct buf what = { 0 };
    AUTO(buf) struct buf why = { 0 };
    result_name(w->owner, &name);
    worst_what(w, &what);
    coincidence_tell(&w->why, &why);
    buf_adds(out, "|");
    cell(out, units_format((double)w->event->at_ns, UNIT_NS, text));
    cell(out, units_format((double)w->event->duration_ns, UNIT_NS, text));
    cell_words(out, &name);
    cell_words(out, &what);
    cell_words(out, &why);
    buf_adds(out, "\n");
}

static int worst(const struct report *r, struct buf *out, struct err *e)
{
    struct worst all[WORST_MOST];
    int found = worst_find(r->document, WORST_MOST, all, e);
    if (found > 0)
        buf_adds(out, "## Worst moments\n\n| at | lasted | probe | what | the CPUs meanwhile |\n"
                      "|--:|--:|---|---|---|\n");
    for (int i = 0; i < found; i++)
        worst_row(&all[i], out);
    if (found > 0)
        buf_adds(out, "\n");
    return found < 0 ? -1 : 0;
}

static void gaps(const struct report *r, struct buf *out)
{
    struct page_gap all[PAGE_GAPS];
    unsigned count = page_gaps(r, all);
    if (count > 0)
        buf_adds(out, "## Unknown, and left out of the verdicts\n\n");
    for (unsigned i = 0; i < count; i++) {
        AUTO(buf) struct buf why = { 0 };
        page_why(all[i].how, all[i].reason, &why);
        buf_adds(out, "- **");
        markdown_say(out, all[i].what);
        buf_adds(out, "**: ");
        say_words(out, &why);
        buf_adds(out, "\n");
    }
    if (count > 0)
        buf_adds(out, "\n");
}

static void finding_row(const struct finding *f, struct buf *out)
{
    const struct criterion *c = f->criterion;
    AUTO(buf) struct buf interval = { 0 };
    AUTO(buf) struct buf bounds = { 0 };
    AUTO(buf) struct buf evidence = { 0 };
    AUTO(buf) struct buf why = { 0 };
    char text[PAGE_SHORT_BYTES];
    buf_adds(out, "|");
    cell(out, c->title);
    cell_grade(out, f->grade);
    page_found(f, &evidence);
    cell_words(out, &evidence);
    page_interval(f->low, f->high, c->unit, &interval);
    cell_words(out, &interval);
    page_bounds(c, &bounds);
    cell_words(out, &bounds);
    cell(out, page_headroom(f->headroom, text));
    buf_addf(&why, "%s (%s; %s)", c->why, c->source, c->basis);
    cell_words(out, &why);
    cell(out, f->grade == GRADE_MARGINAL || f->grade == GRADE_UNFIT ? c->advice : "");
    buf_adds(out, "\n");
}

static void rows_by_grade(const struct verdict *v, struct buf *out)
{
    for (unsigned g = 0; g < PAGE_GRADES; g++) {
        for (unsigned i = 0; i < v->profile->count; i++) {
            if (v->findings[i].grade == page_order[g])
                finding_row(&v->findings[i], out);
        }
    }
}

static void criteria(const struct report *r, struct buf *out)
{
    if (r->verdict_count > 0)
        buf_adds(out, "## Every criterion\n");
    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        AUTO(buf) struct buf grade = { 0 };
        buf_addf(&grade, "%s: ", grade_name(v->grade));
        page_counts(v, &grade);
        buf_adds(out, "\n<details><summary>");
        markdown_say(out, v->profile->role);
        buf_adds(out, ": ");
        say_words(out, &grade);
        buf_adds(out,
                 "</summary>\n\n| criterion | verdict | found | 95 % | bounds | headroom | why "
                 "| advice |\n|---|---|---|---|---|--:|---|---|\n");
        rows_by_grade(v, out);
        buf_adds(out, "\n</details>\n");
    }
}

static int render(const struct report *r, struct buf *out, struct err *e)
{
    head(r, out);
    roles(r, out);
    results(r, out);
    thief(r, out);
    if (worst(r, out, e))
        return -1;
    gaps(r, out);
    criteria(r, out);
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large") : 0;
}

const struct renderer render_markdown = { .name = "markdown", .suffix = "md", .render = render };
