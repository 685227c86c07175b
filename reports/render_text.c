#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "reports/formats.h"
#include "reports/page.h"
#include "reports/thief.h"
#include "reports/worst.h"
#include "reports/wrap.h"

enum {
    TEXT_WIDTH = 100,
    TEXT_WIDE = 90,    /* from here on headings are spelt out */
    TEXT_DECIDED = 18, /* the last column is never narrower */
    TEXT_INDENT = 2,
    TEXT_PROBE = 14,      /* room for the names of probes */
    TEXT_PROBE_MOST = 24, /* and at most, with the names of places */
};

/* One column of a table; the last one takes what is left and is wrapped by us. */
struct column {
    const char *wide, *narrow; /* headings */
    unsigned least;            /* columns */
    int flags;
};

static const char *const grade_colours[] = {
    [GRADE_FIT] = "\033[32m",
    [GRADE_MARGINAL] = "\033[33m",
    [GRADE_UNFIT] = "\033[31m",
    [GRADE_UNKNOWN] = "\033[35m",
};

static unsigned width_of(const struct report *r)
{
    return r->width ? r->width : TEXT_WIDTH;
}

/* A paragraph of words from the document. */
static void paragraph(const struct report *r, const struct buf *words, unsigned at, unsigned indent,
                      struct buf *out)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_clean(buf_text(words), &clean);
    wrap_words(buf_text(&clean), at, indent, width_of(r), out);
    buf_adds(out, "\n");
}

static void say_host(const struct report *r, struct buf *out)
{
    AUTO(buf) struct buf words = { 0 };
    AUTO(buf) struct buf run = { 0 };
    buf_addf(&words, "%s: ", page_hostname(r->document));
    page_host(r->document, &words);
    paragraph(r, &words, 0, TEXT_INDENT, out);
    page_run(r->document, &run);
    paragraph(r, &run, 0, TEXT_INDENT, out);
}

/* Room for the longest name, and a blank. */
static unsigned name_columns(const struct document *d)
{
    unsigned columns = TEXT_PROBE;
    for (unsigned i = 0; i < d->measurement_count; i++) {
        AUTO(buf) struct buf name = { 0 };
        result_name(&d->measurements[i], &name);
        columns = name.size >= columns ? (unsigned)name.size + 1 : columns;
    }
    return columns < TEXT_PROBE_MOST ? columns : TEXT_PROBE_MOST;
}

static void say_results(const struct report *r, struct buf *out)
{
    unsigned columns = name_columns(r->document);
    if (r->document->measurement_count > 0)
        buf_adds(out, "\n");
    for (unsigned i = 0; i < r->document->measurement_count; i++) {
        const struct result *m = &r->document->measurements[i];
        if (m->status == STATUS_MEASURED && m->metric_count == 0 && !page_concludes(r->document, m))
            continue; /* facts are in the first line and in the verdicts */
        AUTO(buf) struct buf name = { 0 };
        AUTO(buf) struct buf words = { 0 };
        AUTO(buf) struct buf full = { 0 };
        result_name(m, &full);
        wrap_clean(buf_text(&full), &name);
        buf_addf(out, "%-*s", (int)columns, buf_text(&name));
        page_figures(r->document, m, &words);
        if (name.size >= columns)
            buf_adds(out, " ");
        unsigned at = name.size < columns ? columns : (unsigned)name.size + 1;
        paragraph(r, &words, at, columns, out);
    }
}

/* ---- who took the CPU, and the worst moments */

static void say_thief(const struct report *r, struct buf *out)
{
    struct thief thief;
    AUTO(buf) struct buf words = { 0 };
    thief_find(r->document, &thief);
    thief_tell(r->document, &thief, &words);
    if (words.size == 0)
        return;
    buf_adds(out, "\n");
    paragraph(r, &words, 0, TEXT_INDENT, out);
}

static int say_worst(const struct report *r, struct buf *out, struct err *e)
{
    struct worst all[WORST_MOST];
    int found = worst_find(r->document, r->details ? WORST_MOST : WORST_SHORT, all, e);
    if (found > 0)
        buf_adds(out, "\nWorst moments, and what happened to the CPUs meanwhile:\n");
    for (int i = 0; i < found; i++) {
        AUTO(buf) struct buf words = { 0 };
        worst_tell(&all[i], &words);
        buf_adds(out, "  ");
        paragraph(r, &words, TEXT_INDENT, 2 * TEXT_INDENT, out);
    }
    return found < 0 ? -1 : 0;
}

/* ---- tables */

static struct libscols_table *open_table(const struct report *r, const struct column *columns,
                                         unsigned count)
{
    struct libscols_table *t = scols_new_table();
    if (!t)
        return NULL;
    (void)scols_table_set_column_separator(t, "  ");
    (void)scols_table_set_termforce(t, SCOLS_TERMFORCE_ALWAYS);
    (void)scols_table_set_termwidth(t, width_of(r));
    (void)scols_table_enable_colors(t, r->colour);
    (void)scols_table_enable_noencoding(t, 1); /* cells hold what wrap_ascii let through */
    for (unsigned i = 0; i < count; i++) {
        const char *head = width_of(r) >= TEXT_WIDE ? columns[i].wide : columns[i].narrow;
        struct libscols_column *c = scols_table_new_column(t, head, 0, columns[i].flags);
        if (!c)
            return t;
        if (i + 1 == count)
            (void)scols_column_set_wrapfunc(c, scols_wrapnl_chunksize, scols_wrapnl_nextchunk,
                                            NULL);
    }
    return t;
}

/*
 * Cells are ASCII: libsmartcols 2.38 never returns from a character that the locale does not have,
 * and in the C locale that is any other.
 */
static void set_cell(struct libscols_line *line, size_t column, const struct buf *words)
{
    AUTO(buf) struct buf clean = { 0 };
    wrap_ascii(buf_text(words), &clean);
    (void)scols_line_set_data(line, column, buf_text(&clean));
}

static void set_cell_text(struct libscols_line *line, size_t column, const char *text)
{
    AUTO(buf) struct buf words = { 0 };
    buf_adds(&words, text);
    set_cell(line, column, &words);
}

static void set_grade(struct libscols_line *line, size_t column, enum grade g)
{
    (void)scols_line_set_data(line, column, grade_name(g));
    struct libscols_cell *cell = scols_line_get_cell(line, column);
    if (cell)
        (void)scols_cell_set_color(cell, grade_colours[g]);
}

/* The last column, wrapped to what the others leave. */
static void set_rest(struct libscols_line *line, size_t column, const struct buf *words,
                     unsigned room)
{
    AUTO(buf) struct buf clean = { 0 };
    AUTO(buf) struct buf lines = { 0 };
    wrap_ascii(buf_text(words), &clean);
    wrap_words(buf_text(&clean), 0, 0, room, &lines);
    (void)scols_line_set_data(line, column, buf_text(&lines));
}

static unsigned rest_of(const struct report *r, const struct column *columns, unsigned count)
{
    unsigned used = 0;
    for (unsigned i = 0; i + 1 < count; i++) {
        const char *head = width_of(r) >= TEXT_WIDE ? columns[i].wide : columns[i].narrow;
        unsigned least =
            columns[i].least > strlen(head) ? columns[i].least : (unsigned)strlen(head);
        used += least + 2;
    }
    return used + TEXT_DECIDED < width_of(r) ? width_of(r) - used : TEXT_DECIDED;
}

static int close_table(struct libscols_table *t, struct buf *out, struct err *e)
{
    AUTO_FREE char *text = NULL;
    int failed = !t || scols_print_table_to_string(t, &text) || !text;
    if (t)
        scols_unref_table(t);
    if (failed)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a table of the report");
    /* Blanks at the ends of lines are of no use to anyone. */
    for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t n = strcspn(line, "\n");
        while (n > 0 && line[n - 1] == ' ')
            n--;
        buf_add(out, line, n);
        buf_adds(out, "\n");
    }
    return 0;
}

/* ---- roles */

static void say_decided(const struct verdict *v, struct buf *out)
{
    const struct finding *f = page_decisive(v);
    if (!f) {
        buf_adds(out, "nothing was measured");
        return;
    }
    buf_addf(out, "%s ", f->criterion->title);
    page_judged(f, out);
}

static int say_roles(const struct report *r, struct buf *out, struct err *e)
{
    struct column columns[] = {
        {"ROLE",        "ROLE",       4, SCOLS_FL_TRUNC},
        { "VERDICT",    "VERDICT",    8, 0             },
        { "SCORE",      "SCORE",      5, SCOLS_FL_RIGHT},
        { "HEADROOM",   "ROOM",       5, SCOLS_FL_RIGHT},
        { "UNKNOWN",    "OPEN",       4, SCOLS_FL_RIGHT},
        { "DECIDED BY", "DECIDED BY", 0, SCOLS_FL_WRAP },
    };
    const unsigned count = sizeof columns / sizeof columns[0];
    for (unsigned i = 0; i < r->verdict_count; i++) {
        unsigned wide = wrap_columns(r->verdicts[i].profile->role);
        columns[0].least = wide > columns[0].least ? wide : columns[0].least;
    }
    struct libscols_table *t = open_table(r, columns, count);
    const unsigned room = rest_of(r, columns, count);
    for (unsigned i = 0; t && i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        const struct finding *f = page_decisive(v);
        struct libscols_line *line = scols_table_new_line(t, NULL);
        AUTO(buf) struct buf unknown = { 0 };
        AUTO(buf) struct buf decided = { 0 };
        char text[PAGE_SHORT_BYTES];
        if (!line)
            break;
        set_cell_text(line, 0, v->profile->role);
        set_grade(line, 1, v->grade);
        set_cell_text(line, 2, page_score(v->score, text));
        set_cell_text(line, 3, f ? page_headroom(f->headroom, text) : "-");
        buf_addf(&unknown, "%u", v->unknown);
        set_cell(line, 4, &unknown);
        say_decided(v, &decided);
        set_rest(line, 5, &decided, room);
    }
    buf_adds(out, "\n");
    return close_table(t, out, e);
}

/* ---- every criterion */

static void say_advice(const struct report *r, const struct finding *f, struct buf *out)
{
    const struct criterion *c = f->criterion;
    if (f->grade != GRADE_MARGINAL && f->grade != GRADE_UNFIT)
        return;
    AUTO(buf) struct buf why = { 0 };
    AUTO(buf) struct buf advice = { 0 };
    buf_addf(&why, "%s: %s (%s; %s)", c->id, c->why, c->source, c->basis);
    buf_addf(&advice, "-> %s", c->advice);
    buf_adds(out, "  ");
    paragraph(r, &why, TEXT_INDENT, 2 * TEXT_INDENT, out);
    buf_adds(out, "    ");
    paragraph(r, &advice, 2 * TEXT_INDENT, 3 * TEXT_INDENT + 1, out);
}

static void add_criterion(struct libscols_table *t, const struct finding *f, unsigned room)
{
    struct libscols_line *line = scols_table_new_line(t, NULL);
    AUTO(buf) struct buf found = { 0 };
    char text[PAGE_SHORT_BYTES];
    if (!line)
        return;
    set_cell_text(line, 0, f->criterion->id);
    set_grade(line, 1, f->grade);
    set_cell_text(line, 2, page_headroom(f->headroom, text));
    if (f->grade == GRADE_UNKNOWN)
        page_why(f->value_text, f->reason, &found);
    else
        page_judged(f, &found);
    if (*f->others)
        buf_adds(&found, "; ");
    page_others(f, &found);
    set_rest(line, 3, &found, room);
}

static int say_criteria(const struct report *r, const struct verdict *v, struct buf *out,
                        struct err *e)
{
    struct column columns[] = {
        {"CRITERION", "CRITERION", 12, SCOLS_FL_TRUNC},
        { "VERDICT",  "VERDICT",   8,  0             },
        { "HEADROOM", "ROOM",      5,  SCOLS_FL_RIGHT},
        { "FOUND",    "FOUND",     0,  SCOLS_FL_WRAP },
    };
    const unsigned count = sizeof columns / sizeof columns[0];
    for (unsigned i = 0; i < v->profile->count; i++) {
        unsigned wide = wrap_columns(v->profile->criteria[i].id);
        columns[0].least = wide > columns[0].least ? wide : columns[0].least;
    }
    struct libscols_table *t = open_table(r, columns, count);
    const unsigned room = rest_of(r, columns, count);
    for (unsigned g = 0; t && g < PAGE_GRADES; g++) {
        for (unsigned i = 0; i < v->profile->count; i++) {
            if (v->findings[i].grade == page_order[g])
                add_criterion(t, &v->findings[i], room);
        }
    }
    return close_table(t, out, e);
}

static int say_details(const struct report *r, struct buf *out, struct err *e)
{
    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        AUTO(buf) struct buf head = { 0 };
        buf_addf(&head, "%s (%s): ", v->profile->role, v->profile->title);
        page_grade(v, &head);
        buf_adds(out, "\n");
        paragraph(r, &head, 0, TEXT_INDENT, out);
        if (say_criteria(r, v, out, e))
            return -1;
        for (unsigned k = 0; k < v->profile->count; k++)
            say_advice(r, &v->findings[k], out);
    }
    return 0;
}

/* ---- closing lines */

static void say_gaps(const struct report *r, struct buf *out)
{
    struct page_gap gaps[PAGE_GAPS];
    unsigned count = page_gaps(r, gaps);
    if (count > 0)
        buf_adds(out, "\nUnknown, and left out of the verdicts:\n");
    for (unsigned i = 0; i < count; i++) {
        AUTO(buf) struct buf words = { 0 };
        buf_addf(&words, "%s: ", gaps[i].what);
        page_why(gaps[i].how, gaps[i].reason, &words);
        buf_adds(out, "  ");
        paragraph(r, &words, TEXT_INDENT, 2 * TEXT_INDENT, out);
    }
}

static void say_closing(const struct report *r, struct buf *out)
{
    AUTO(buf) struct buf words = { 0 };
    unsigned close = 0;
    const struct verdict *worst = NULL;
    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        close += v->close;
        if (v->decided_by >= 0 && (!worst || grade_worse(v->grade, worst->grade) != worst->grade))
            worst = v;
    }
    if (!worst)
        return;
    if (close > 0)
        buf_addf(&words,
                 "%u criteri%s close: the 95 %% interval reaches across a bound; a longer --budget "
                 "decides. ",
                 close, close > 1 ? "a over all roles are" : "on is");
    buf_addf(&words, "Why and what to do: plimsoll explain %s/%s%s", worst->profile->role,
             page_decisive(worst)->criterion->id,
             r->details ? "." : "; every criterion: --details.");
    buf_adds(out, "\n");
    paragraph(r, &words, 0, 0, out);
}

static int render(const struct report *r, struct buf *out, struct err *e)
{
    say_host(r, out);
    say_results(r, out);
    say_thief(r, out);
    if (say_worst(r, out, e))
        return -1;
    if (r->verdict_count > 0 && say_roles(r, out, e))
        return -1;
    if (r->details && say_details(r, out, e))
        return -1;
    say_gaps(r, out);
    say_closing(r, out);
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "the report grew too large") : 0;
}

const struct renderer render_text = { .name = "text", .suffix = "txt", .render = render };
