#include "reports/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/stats.h"
#include "probes/kit/units.h"

static const double score_at_fit = 50;
static const double score_best = 100;
static const double score_of_word = 25;   /* marginal without a scale */
static const double factor_of_best = 4.0; /* times better than fit: the best score */

static bool has_bounds(const struct criterion *c)
{
    return c->kind == CRITERION_AT_MOST || c->kind == CRITERION_AT_LEAST;
}

/* Whether value is beyond bound on the bad side. */
static bool beyond(const struct criterion *c, double value, double bound)
{
    return c->kind == CRITERION_AT_MOST ? value > bound : value < bound;
}

enum grade verdict_grade(const struct criterion *c, double value)
{
    if (isnan(value))
        return GRADE_UNKNOWN;
    if (!beyond(c, value, c->fit))
        return GRADE_FIT;
    return isnan(c->unfit) || !beyond(c, value, c->unfit) ? GRADE_MARGINAL : GRADE_UNFIT;
}

double verdict_headroom(const struct criterion *c, double value)
{
    if (isnan(value) || isnan(c->fit) || c->fit <= 0 || c->unit == UNIT_VERSION)
        return NAN;
    if (c->kind == CRITERION_AT_LEAST)
        return fmax(value, 0) / c->fit;
    return value > 0 ? c->fit / value : INFINITY;
}

static double score_without_scale(enum grade g)
{
    if (g == GRADE_FIT || g == GRADE_UNKNOWN)
        return NAN;
    return g == GRADE_MARGINAL ? score_of_word : 0;
}

double verdict_score(const struct criterion *c, double value)
{
    enum grade g = verdict_grade(c, value);
    double headroom = verdict_headroom(c, value);
    if (isnan(headroom))
        return score_without_scale(g);
    if (g == GRADE_UNFIT)
        return 0;
    if (g == GRADE_FIT) {
        double better = score_best - score_at_fit;
        return fmin(score_best, score_at_fit + better * log(headroom) / log(factor_of_best));
    }
    if (isnan(c->unfit))
        return score_at_fit * headroom; /* never unfit, so never 0 */
    double score = score_at_fit * log(c->unfit / value) / log(c->unfit / c->fit);
    return score > 0 ? score : 0; /* not -0 */
}

static bool is_close(const struct criterion *c, const struct finding *f)
{
    double low = isnan(f->low) ? f->value : f->low;
    double high = isnan(f->high) ? f->value : f->high;
    if (isnan(f->high) && c->statistic && c->statistic[0] == 'p')
        high = INFINITY;
    return verdict_grade(c, low) != f->grade || verdict_grade(c, high) != f->grade;
}

/* snprintf that shows a cut by "...". */
static void cut(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void cut(char *to, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(to, size, fmt, args);
    va_end(args);
    if (length >= (int)size)
        memcpy(to + size - 4, "...", 4);
}

/* "yes" where "no" is the only bad word, and the other way round. */
static const char *opposite_of(const struct criterion *c)
{
    char *const *words = c->unfit_on ? c->unfit_on : c->marginal_on;
    if (!words || words[1] || (c->unfit_on && c->marginal_on))
        return NULL;
    return strcmp(words[0], "no") == 0 ? "yes" : strcmp(words[0], "yes") == 0 ? "no" : NULL;
}

static void say_bound(const struct criterion *c, struct finding *f)
{
    char text[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf words = { 0 };
    if (has_bounds(c)) {
        (void)snprintf(
            f->bound_text, sizeof f->bound_text, "%s %s",
            c->kind == CRITERION_AT_MOST ? "<=" : ">=", units_format(c->fit, c->unit, text));
        return;
    }
    const char *opposite = opposite_of(c);
    if (opposite) {
        cut(f->bound_text, sizeof f->bound_text, "%s", opposite);
        return;
    }
    buf_adds(&words, c->kind == CRITERION_REQUIRES ? "all of" : "not");
    char **const lists[] = { c->unfit_on, c->marginal_on, c->requires };
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (char **w = lists[i]; w && *w; w++)
            buf_addf(&words, " %s", *w);
    }
    cut(f->bound_text, sizeof f->bound_text, "%s", buf_text(&words));
}

static void set_unknown(struct finding *f, const char *how, const char *why)
{
    f->grade = GRADE_UNKNOWN;
    cut(f->value_text, sizeof f->value_text, "%s", how);
    cut(f->reason, sizeof f->reason, "%s", why);
}

static void judge_value(const struct criterion *c, struct finding *f)
{
    f->grade = verdict_grade(c, f->value);
    f->score = verdict_score(c, f->value);
    f->headroom = verdict_headroom(c, f->value);
    f->close = is_close(c, f);
    units_format(f->value, c->unit, f->value_text);
}

/* A maximum is worth no more than the time it was watched in. */
static void judge_rarity(const struct criterion *c, struct finding *f)
{
    char value[UNITS_TEXT_BYTES];
    char time[UNITS_TEXT_BYTES];
    if (!c->rare || f->observed_ns == 0)
        return;
    f->rate_bound_per_hour = stats_rule_of_three_per_hour(f->observed_ns);
    cut(f->value_text, sizeof f->value_text, "%s, %s in %s", units_format(f->value, c->unit, value),
        c->unit == UNIT_NS ? "longest" : "largest",
        units_format((double)f->observed_ns, UNIT_NS, time));
}

/*
 * Whether a decides rather than b: the worse grade, then the lower score, then the smaller
 * headroom. What has none of them comes last, and the earlier one decides.
 */
static bool decides(const struct finding *a, const struct finding *b)
{
    if (a->grade != b->grade)
        return grade_worse(a->grade, b->grade) == a->grade;
    if (isnan(a->score) || isnan(b->score))
        return !isnan(a->score);
    return a->score < b->score || (a->score <= b->score && a->headroom < b->headroom);
}

/* The metric of one measurement. */
static void judge_result(const struct criterion *c, const struct result *owner, struct finding *f)
{
    static const char *const how[] = {
        [STATUS_SKIPPED] = "not measured",
        [STATUS_FAILED] = "failed",
        [STATUS_UNTRUSTED] = "not trusted",
    };
    const struct result_metric *m = result_metric_find(owner, c->metric);
    cut(f->probe, sizeof f->probe, "%s", owner->probe);
    cut(f->peer, sizeof f->peer, "%s", owner->peer);
    f->n = m ? m->n : 0;
    f->observed_ns = m ? m->observed_ns : 0;
    if (owner->status != STATUS_MEASURED) {
        set_unknown(f, how[owner->status], owner->reason);
        return;
    }
    const struct result_statistic *s = m ? result_statistic_find(m, c->statistic) : NULL;
    if (!s || isnan(s->value)) {
        set_unknown(f, "not measured", "the probe ran and took no sample of it");
        return;
    }
    f->value = s->value;
    f->low = s->low;
    f->high = s->high;
    judge_value(c, f);
    judge_rarity(c, f);
}

static void note_absent(struct finding *f, const struct finding *one)
{
    if (f->absent++ > 0)
        return;
    cut(f->absent_name, sizeof f->absent_name, "%s@%s", one->probe, one->peer);
    cut(f->absent_how, sizeof f->absent_how, "%s", one->value_text);
    cut(f->absent_reason, sizeof f->absent_reason, "%s", one->reason);
}

/* Whether it is of the same probe and place, to whichever peer. */
static bool is_sibling(const struct result *r, const struct result *first)
{
    return r->peer[0] && strcmp(r->probe, first->probe) == 0 && strcmp(r->place, first->place) == 0;
}

/* All peers but the judged one, as many as there is room for. */
static void list_others(const struct criterion *c, const struct document *d,
                        const struct result *first, struct finding *f)
{
    unsigned left = 0;
    for (unsigned i = 0; i < d->measurement_count; i++) {
        const struct result *r = &d->measurements[i];
        char value[UNITS_TEXT_BYTES];
        struct finding one = { .value = NAN };
        if (!is_sibling(r, first) || strcmp(r->peer, f->peer) == 0)
            continue;
        judge_result(c, r, &one);
        const char *said =
            isnan(one.value) ? one.value_text : units_format(one.value, c->unit, value);
        size_t used = strlen(f->others);
        size_t more = strlen(r->peer) + strlen(said) + 1;
        if (left > 0 || used + more + sizeof " and 1000 more" + 2 > sizeof f->others)
            left++;
        else
            (void)snprintf(f->others + used, sizeof f->others - used, "%s%s %s", used ? ", " : "",
                           r->peer, said);
    }
    size_t used = strlen(f->others);
    if (left > 0)
        (void)snprintf(f->others + used, sizeof f->others - used, "%s%u more", used ? " and " : "",
                       left);
}

/* The worst peer with a value; one without where none has. */
static void judge_peers(const struct criterion *c, const struct document *d,
                        const struct result *first, struct finding *f)
{
    struct finding worst = *f;
    struct finding sum = { .peers = 0 };
    for (unsigned i = 0; i < d->measurement_count; i++) {
        struct finding one = *f;
        if (!is_sibling(&d->measurements[i], first))
            continue;
        judge_result(c, &d->measurements[i], &one);
        bool known = one.grade != GRADE_UNKNOWN;
        if (sum.peers++ == 0 || (known && (worst.grade == GRADE_UNKNOWN || decides(&one, &worst))))
            worst = one;
        if (!known)
            note_absent(&sum, &one);
    }
    *f = worst;
    f->peers = sum.peers;
    f->absent = sum.absent;
    memcpy(f->absent_name, sum.absent_name, sizeof f->absent_name);
    memcpy(f->absent_how, sum.absent_how, sizeof f->absent_how);
    memcpy(f->absent_reason, sum.absent_reason, sizeof f->absent_reason);
    list_others(c, d, first, f);
}

static void judge_metric(const struct criterion *c, const struct document *d, struct finding *f)
{
    const struct result *owner = NULL;
    if (!document_metric(d, c->metric, &owner))
        set_unknown(f, "not measured", "no probe of this run measures it");
    else if (owner->peer[0])
        judge_peers(c, d, owner, f);
    else
        judge_result(c, owner, f);
}

/* The words of `list` that the fact holds (or, for requires, does not hold). */
static unsigned collect(char *const *list, const struct fact *fact, bool held, struct buf *out)
{
    unsigned count = 0;
    for (char *const *w = list; w && *w; w++) {
        if ((facts_holds(fact, *w) != 0) != held)
            continue;
        buf_addf(out, "%s%s", count ? " " : "", *w);
        count++;
    }
    return count;
}

static void judge_words(const struct criterion *c, const struct fact *fact, struct finding *f)
{
    AUTO(buf) struct buf hits = { 0 };
    const char *before = "";
    f->grade = GRADE_FIT;
    if (collect(c->unfit_on, fact, true, &hits)) {
        f->grade = GRADE_UNFIT;
    } else if (collect(c->marginal_on, fact, true, &hits)) {
        f->grade = GRADE_MARGINAL;
    } else if (collect(c->requires, fact, false, &hits)) {
        f->grade = c->otherwise;
        before = "missing: ";
    } else if (c->kind == CRITERION_REQUIRES) {
        buf_adds(&hits, "all there");
    } else {
        facts_show(fact, &hits);
    }
    f->score = score_without_scale(f->grade);
    cut(f->value_text, sizeof f->value_text, "%s%s", before, buf_text(&hits));
}

static void judge_one_fact(const struct criterion *c, const struct document *d, const char *name,
                           struct finding *f)
{
    const struct fact *fact = facts_find(&d->host, name);
    cut(f->probe, sizeof f->probe, "%s", name);
    if (!fact) {
        set_unknown(f, "not known", "this run did not look for it");
    } else if (fact->kind == FACT_UNKNOWN) {
        set_unknown(f, "not known", fact->reason ? fact->reason : "");
    } else if (has_bounds(c) != (fact->kind == FACT_NUMBER)) {
        set_unknown(f, "not known", "the document holds it in another form");
    } else if (has_bounds(c)) {
        f->value = fact->number;
        judge_value(c, f);
    } else {
        judge_words(c, fact, f);
    }
}

/* Of alternatives the better answer counts; one that is not known may still be the better. */
static void judge_fact(const struct criterion *c, const struct document *d, struct finding *f)
{
    static const int hope[] = {
        [GRADE_FIT] = 3, [GRADE_MARGINAL] = 2, [GRADE_UNKNOWN] = 1, [GRADE_UNFIT] = 0
    };
    char name[LIMITS_NAME_BYTES];
    struct finding best = *f;
    for (const char *at = c->fact; *at; at += strcspn(at, "|"), at += *at == '|') {
        struct finding one = *f;
        cut(name, sizeof name, "%.*s", (int)strcspn(at, "|"), at);
        judge_one_fact(c, d, name, &one);
        if (at == c->fact || hope[one.grade] > hope[best.grade])
            best = one;
    }
    *f = best;
}

static void judge(const struct criterion *c, const struct document *d, struct finding *f)
{
    *f = (struct finding){ .criterion = c,
                           .value = NAN,
                           .low = NAN,
                           .high = NAN,
                           .headroom = NAN,
                           .score = NAN,
                           .rate_bound_per_hour = NAN };
    say_bound(c, f);
    if (c->metric)
        judge_metric(c, d, f);
    else
        judge_fact(c, d, f);
}

static void sum_up(struct verdict *v, bool strict)
{
    bool measured = false;
    bool whole = true; /* no criterion lacks anything */
    for (unsigned i = 0; i < v->profile->count; i++) {
        const struct finding *f = &v->findings[i];
        whole = whole && f->grade != GRADE_UNKNOWN && f->absent == 0;
        if (f->grade == GRADE_UNKNOWN) {
            v->unknown++;
            continue;
        }
        v->known++;
        v->close += f->close;
        measured = measured || v->profile->criteria[i].metric;
        if (v->decided_by < 0 || decides(f, &v->findings[v->decided_by]))
            v->decided_by = (int)i;
    }
    if (v->decided_by >= 0) {
        v->grade = v->findings[v->decided_by].grade;
        v->score = v->findings[v->decided_by].score;
    }
    if (!measured || (strict && !whole))
        v->grade = v->grade == GRADE_UNFIT ? GRADE_UNFIT : GRADE_UNKNOWN;
    if (v->grade == GRADE_UNKNOWN)
        v->score = NAN;
}

int verdict_of(const struct profile *p, const struct document *d, bool strict, struct verdict *v,
               struct err *e)
{
    *v = (struct verdict){ .profile = p, .grade = GRADE_UNKNOWN, .score = NAN, .decided_by = -1 };
    v->findings = calloc(p->count + 1, sizeof *v->findings);
    if (!v->findings)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the verdict on %s", p->role);
    for (unsigned i = 0; i < p->count; i++)
        judge(&p->criteria[i], d, &v->findings[i]);
    sum_up(v, strict);
    return 0;
}

void verdict_release(struct verdict *v)
{
    free(v->findings);
    v->findings = NULL;
}
