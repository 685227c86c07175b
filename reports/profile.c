#include "reports/profile.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/file.h"
#include "probes/kit/opt.h"
#include "reports/sheet.h"

enum {
    NAMES_MAX = 512,
    KINDS = CRITERION_REQUIRES + 1
};

static const char *const bases[] = { "documented", "derived", "unverified", NULL };
static const char *const hist_statistics[] = { "p50", "p90", "p99", "p99.9", "max", "mean", NULL };
static const char *const value_statistic[] = { "value", NULL };

/* One criterion on its way from the page into the profile, and where it stands. */
struct reading {
    const char *name;
    const struct profile_known *known;
    const struct sheet_criterion *from;
    struct criterion *to;
    unsigned index;
    struct err *e;
};

static int refuse(const struct reading *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct reading *r, const char *fmt, ...)
{
    char why[300];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    const char *id = r->from->id ? r->from->id : "no id";
    return err_set(r->e, ERR_DATA, 0, "%s: criteria[%u] (%s): %s", r->name, r->index, id, why);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

/* "; did you mean 'x'?" or nothing. */
static const char *guess(const char *word, const char *const *names, char text[128])
{
    const char *near = opt_nearest(word, names);
    *text = '\0';
    if (near)
        (void)snprintf(text, 128, "; did you mean '%s'?", near);
    return text;
}

static int refuse_name(const struct reading *r, const char *what, const char *word)
{
    const char *names[NAMES_MAX + 1] = { 0 };
    char near[128];
    bool metrics = strcmp(what, "metric") == 0;
    unsigned count = 0;
    for (unsigned i = 0; r->known->name && count < NAMES_MAX; i++) {
        const char *name = r->known->name(i, r->known->arg);
        if (!name)
            break;
        if (metrics == (r->known->metric(name, r->known->arg) != NULL))
            names[count++] = name;
    }
    return refuse(r, "unknown %s '%s'%s", what, word, guess(word, names, near));
}

static int copy(const struct reading *r, const char *text, char **to)
{
    *to = strdup(text);
    return *to ? 0 : err_set(r->e, ERR_NO_RESOURCE, 0, "%s: no memory", r->name);
}

/* What every criterion says. */
static int read_sentences(const struct reading *r)
{
    const struct sheet_criterion *f = r->from;

    const struct {
        const char *key, *text;
        char **to;
    } rows[] = {
        {"id",      f->id,     &r->to->id    },
        { "title",  f->title,  &r->to->title },
        { "why",    f->why,    &r->to->why   },
        { "source", f->source, &r->to->source},
        { "basis",  f->basis,  &r->to->basis },
        { "advice", f->advice, &r->to->advice},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].text)
            return refuse(r, "'%s' is missing; every criterion carries one", rows[i].key);
        if (copy(r, rows[i].text, rows[i].to))
            return -1;
    }
    if (!is_one_of(f->basis, bases))
        return refuse(r, "basis '%s' is not one of documented, derived, unverified", f->basis);
    return 0;
}

static int read_metric(const struct reading *r, const struct metric **metric)
{
    const struct sheet_criterion *f = r->from;
    char near[128];
    *metric = r->known->metric(f->metric, r->known->arg);
    if (!*metric)
        return refuse_name(r, "metric", f->metric);
    bool hist = (*metric)->kind == METRIC_HIST;
    const char *const *allowed = hist ? hist_statistics : value_statistic;
    const char *statistic = f->statistic ? f->statistic : "value";
    if (!is_one_of(statistic, allowed))
        return refuse(r, "%s has no statistic '%s', only %s%s", f->metric, statistic,
                      hist ? "p50, p90, p99, p99.9, max and mean" : "value",
                      guess(statistic, allowed, near));
    r->to->unit = (*metric)->unit;
    return copy(r, f->metric, &r->to->metric) || copy(r, statistic, &r->to->statistic) ? -1 : 0;
}

/* Which kind of criterion, by the keys that are there; exactly one. */
static int read_kind(const struct reading *r)
{
    const struct sheet_criterion *f = r->from;
    const bool has[KINDS] = {
        [CRITERION_AT_MOST] = f->at_most,
        [CRITERION_AT_LEAST] = f->at_least,
        [CRITERION_WORDS] = f->unfit_on || f->marginal_on,
        [CRITERION_REQUIRES] = f->requires,
    };
    unsigned count = 0;
    for (unsigned i = 0; i < KINDS; i++) {
        if (!has[i])
            continue;
        r->to->kind = (enum criterion_kind)i;
        count++;
    }
    if (count == 0)
        return refuse(r, "no bound; give at_most, at_least, unfit_on, marginal_on or requires");
    if (count > 1)
        return refuse(r, "more than one kind of bound; make it two criteria");
    return 0;
}

static int read_fact_row(const struct reading *r, const char *name)
{
    const struct fact_row *row = r->known->fact(name, r->known->arg);
    if (!row)
        return refuse_name(r, "fact", name);
    bool number = r->to->kind == CRITERION_AT_MOST || r->to->kind == CRITERION_AT_LEAST;
    if (number && row->kind != FACT_NUMBER)
        return refuse(r, "%s is no number; use unfit_on, marginal_on or requires", row->name);
    if (!number && row->kind == FACT_NUMBER)
        return refuse(r, "%s is a number; use at_most or at_least", row->name);
    if (r->to->kind == CRITERION_REQUIRES && row->kind != FACT_LIST)
        return refuse(r, "%s is no list; use unfit_on or marginal_on", row->name);
    r->to->unit = row->unit;
    return 0;
}

static int read_fact(const struct reading *r)
{
    AUTO_FREE char *names = strdup(r->from->fact);
    char *rest = names;
    if (!names)
        return err_set(r->e, ERR_NO_RESOURCE, 0, "%s: no memory", r->name);
    if (r->from->statistic)
        return refuse(r, "a fact has no statistic");
    if (strchr(names, '|') && r->to->kind != CRITERION_WORDS)
        return refuse(r, "alternative facts go with unfit_on and marginal_on only");
    for (char *name = strsep(&rest, "|"); name; name = strsep(&rest, "|")) {
        if (read_fact_row(r, name))
            return -1;
    }
    return copy(r, r->from->fact, &r->to->fact);
}

static int read_number(const struct reading *r, const char *text, double *value)
{
    struct err e;
    if (units_parse(text, r->to->unit, value, &e))
        return refuse(r, "%s", e.msg);
    if (*value <= 0 && r->to->kind == CRITERION_AT_LEAST)
        return refuse(r, "'%s': everything is at least that", text);
    return 0;
}

static int read_bounds(const struct reading *r, const struct metric *metric)
{
    bool most = r->to->kind == CRITERION_AT_MOST;
    const struct sheet_bound *b = most ? r->from->at_most : r->from->at_least;
    enum metric_better wrong = most ? METRIC_HIGHER : METRIC_LOWER;
    struct criterion *c = r->to;
    if (metric && metric->better == wrong)
        return refuse(r, "%s is better when %s; use %s", metric->id,
                      metric_better_name(metric->better), most ? "at_least" : "at_most");
    if (!b->fit)
        return refuse(r, "no bound 'fit'; as in {fit: 10 ms, unfit: 100 ms}");
    if (read_number(r, b->fit, &c->fit) || (b->unfit && read_number(r, b->unfit, &c->unfit)))
        return -1;
    if (c->fit <= 0 && b->unfit)
        return refuse(r, "fit of zero asks for none at all and takes no 'unfit'");
    if (most ? c->unfit < c->fit : c->unfit > c->fit)
        return refuse(r, "the bounds are the wrong way round: %s needs fit %s unfit",
                      most ? "at_most" : "at_least", most ? "<=" : ">=");
    return 0;
}

static int read_rare(const struct reading *r)
{
    const char *rare = r->from->rare;
    if (!rare)
        return 0;
    r->to->rare = strcmp(rare, "true") == 0;
    if (!r->to->rare && strcmp(rare, "false") != 0)
        return refuse(r, "rare is true or false, not '%s'", rare);
    if (r->to->rare && (r->to->kind != CRITERION_AT_MOST || !r->to->metric))
        return refuse(r, "rare asks for a metric with at_most");
    return 0;
}

static int read_otherwise(const struct reading *r)
{
    const char *word = r->from->otherwise;
    if (!word && r->to->kind != CRITERION_REQUIRES)
        return 0;
    if (r->to->kind != CRITERION_REQUIRES)
        return refuse(r, "otherwise belongs to requires");
    if (!word || (strcmp(word, "unfit") != 0 && strcmp(word, "marginal") != 0))
        return refuse(r, "requires needs otherwise: unfit or marginal");
    r->to->otherwise = *word == 'u' ? GRADE_UNFIT : GRADE_MARGINAL;
    return 0;
}

static int read_words(const struct reading *r, char **from, unsigned count, char ***to)
{
    if (!from)
        return 0;
    *to = calloc(count + 1, sizeof **to);
    if (!*to)
        return err_set(r->e, ERR_NO_RESOURCE, 0, "%s: no memory", r->name);
    for (unsigned i = 0; i < count; i++) {
        if (copy(r, from[i], &(*to)[i]))
            return -1;
    }
    return 0;
}

static int read_subject(const struct reading *r, const struct metric **metric)
{
    const struct sheet_criterion *f = r->from;
    if (!f->metric == !f->fact)
        return refuse(r, f->metric ? "both metric and fact; name one" : "names no metric or fact");
    if (f->fact)
        return read_fact(r);
    if (r->to->kind == CRITERION_WORDS || r->to->kind == CRITERION_REQUIRES)
        return refuse(r, "a metric has no words; use at_most or at_least");
    return read_metric(r, metric);
}

static int read_criterion(const struct reading *r)
{
    const struct sheet_criterion *f = r->from;
    const struct metric *metric = NULL;
    r->to->fit = r->to->unfit = NAN;
    if (read_sentences(r) || read_kind(r) || read_subject(r, &metric))
        return -1;
    bool number = r->to->kind == CRITERION_AT_MOST || r->to->kind == CRITERION_AT_LEAST;
    if ((number && read_bounds(r, metric)) || read_rare(r) || read_otherwise(r))
        return -1;
    return read_words(r, f->unfit_on, f->unfit_on_count, &r->to->unfit_on) ||
                   read_words(r, f->marginal_on, f->marginal_on_count, &r->to->marginal_on) ||
                   read_words(r, f->requires, f->requires_count, &r->to->requires)
               ? -1
               : 0;
}

static int check_id(const struct reading *r, const struct profile *p)
{
    if (r->from->id[strspn(r->from->id, "abcdefghijklmnopqrstuvwxyz0123456789-.")])
        return refuse(r, "an id is made of a-z, 0-9, '-' and '.'");
    for (unsigned i = 0; i < r->index; i++) {
        if (strcmp(p->criteria[i].id, r->from->id) == 0)
            return refuse(r, "criteria[%u] has the same id", i);
    }
    return 0;
}

static int read_head(const struct sheet_profile *from, const char *name, struct profile *p,
                     struct err *e)
{
    const struct {
        const char *key, *text;
        char **to;
    } rows[] = {
        {"role",    from->role,   &p->role  },
        { "title",  from->title,  &p->title },
        { "system", from->system, &p->system},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].text)
            return err_set(e, ERR_DATA, 0, "%s: '%s' is missing", name, rows[i].key);
        *rows[i].to = strdup(rows[i].text);
        if (!*rows[i].to)
            return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory", name);
    }
    if (p->role[strspn(p->role, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        return err_set(e, ERR_DATA, 0, "%s: role '%s': a role is made of a-z, 0-9 and '-'", name,
                       p->role);
    if (from->criteria_count == 0)
        return err_set(e, ERR_DATA, 0, "%s: 'criteria' is missing", name);
    p->criteria = calloc(from->criteria_count, sizeof *p->criteria);
    return p->criteria ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory", name);
}

static int read_profile(const struct sheet_profile *from, const char *name,
                        const struct profile_known *known, struct profile *p, struct err *e)
{
    if (read_head(from, name, p, e))
        return -1;
    for (; p->count < from->criteria_count; p->count++) {
        const struct reading r = { .name = name,
                                   .known = known,
                                   .from = &from->criteria[p->count],
                                   .to = &p->criteria[p->count],
                                   .index = p->count,
                                   .e = e };
        if (read_criterion(&r) || check_id(&r, p)) {
            p->count++; /* what is half read is released too */
            return -1;
        }
    }
    return 0;
}

int profile_parse(const char *text, size_t size, const char *name,
                  const struct profile_known *known, struct profile *p, struct err *e)
{
    AUTO(sheet) struct sheet sheet = { 0 };
    *p = (struct profile){ 0 };
    if (sheet_parse(text, size, name, &sheet, e))
        return -1;
    if (read_profile(sheet.profile, name, known, p, e)) {
        profile_release(p);
        return -1;
    }
    return 0;
}

int profile_load(const char *path, const struct profile_known *known, struct profile *p,
                 struct err *e)
{
    AUTO(buf) struct buf text = { .cap = SHEET_BYTES };
    *p = (struct profile){ 0 };
    if (file_read_at(AT_FDCWD, path, &text, e))
        return -1;
    return profile_parse(buf_text(&text), text.size, path, known, p, e);
}

static void release_words(char **words)
{
    for (char **w = words; w && *w; w++)
        free(*w);
    free(words);
}

void profile_release(struct profile *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        struct criterion *c = &p->criteria[i];
        char *const texts[] = { c->id,  c->title,  c->metric, c->statistic, c->fact,
                                c->why, c->source, c->basis,  c->advice };
        for (unsigned k = 0; k < sizeof texts / sizeof texts[0]; k++)
            free(texts[k]);
        release_words(c->unfit_on);
        release_words(c->marginal_on);
        release_words(c->requires);
    }
    free(p->criteria);
    free(p->role);
    free(p->title);
    free(p->system);
    *p = (struct profile){ 0 };
}
