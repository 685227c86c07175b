#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/newest.h"
#include "bench/roles.h"
#include "bench/say.h"
#include "bench/told.h"
#include "bench/watch.h"
#include "probes/kit/auto.h"
#include "probes/kit/optdoc.h"
#include "probes/probes.h"

struct explain_conf {
    bool unused; /* a table of no options still has a struct */
};

static const struct opt explain_opts[] = { OPT_END };

struct explain {
    const char *id;
    const char *document; /* path; NULL: the newest here, if there is one */
    struct buf *out;
    struct roles roles;
    bool found;
};

static void explain_bound(struct buf *out, const struct criterion *c)
{
    char fit[UNITS_TEXT_BYTES];
    char unfit[UNITS_TEXT_BYTES];
    bool most = c->kind == CRITERION_AT_MOST;
    if (c->kind == CRITERION_AT_MOST || c->kind == CRITERION_AT_LEAST) {
        buf_addf(out, "fit %s %s", most ? "<=" : ">=", units_format(c->fit, c->unit, fit));
        if (!isnan(c->unfit))
            buf_addf(out, ", unfit %s %s", most ? ">" : "<",
                     units_format(c->unfit, c->unit, unfit));
        return;
    }
    for (char **w = c->unfit_on; w && *w; w++)
        buf_addf(out, "%s%s", w == c->unfit_on ? "unfit when " : ", ", *w);
    for (char **w = c->marginal_on; w && *w; w++)
        buf_addf(out, "%s%s",
                 w == c->marginal_on ? (c->unfit_on ? "; marginal when " : "marginal when ") : ", ",
                 *w);
    for (char **w = c->requires; w && *w; w++)
        buf_addf(out, "%s%s", w == c->requires ? "requires " : " ", *w);
    if (c->requires)
        buf_addf(out, "; %s when one is missing", grade_name(c->otherwise));
}

/* A heading and its text, wrapped below the text's first word. */
static void explain_line(const char *heading, const char *text, struct buf *out)
{
    buf_adds(out, heading);
    optdoc_wrap(text, strlen(heading), out);
}

static void explain_row(const char *name, const char *what, struct buf *out)
{
    enum {
        EXPLAIN_COLUMNS = 32
    };

    buf_addf(out, "  %-*s", EXPLAIN_COLUMNS - 2, name);
    optdoc_wrap(what, EXPLAIN_COLUMNS, out);
}

static void explain_criterion(struct buf *out, const char *role, const struct criterion *c)
{
    buf_addf(out, "  %s/%s: %s\n    ", role, c->id, c->title);
    if (c->metric)
        buf_addf(out, "%s %s: ", c->metric, c->statistic);
    else
        buf_addf(out, "%s: ", c->fact);
    explain_bound(out, c);
    buf_adds(out, "\n");
    explain_line("    why     ", c->why, out);
    explain_line("    source  ", c->source, out);
    explain_line("    basis   ", c->basis, out);
    explain_line("    advice  ", c->advice, out);
}

/* A criterion may ask for one of several facts: "host.try.nft|host.try.iptables". */
static bool explain_is_among(const char *fact, const char *facts)
{
    size_t n = strlen(fact);
    for (const char *at = facts; *at; at += strcspn(at, "|"), at += *at == '|') {
        if (strcspn(at, "|") == n && strncmp(at, fact, n) == 0)
            return true;
    }
    return false;
}

/* Every criterion that the filter lets through. */
static void explain_criteria(struct explain *x, const char *metric, const char *fact)
{
    size_t before = x->out->size;
    for (unsigned i = 0; i < x->roles.count; i++) {
        const struct profile *p = &x->roles.profiles[i];
        for (unsigned k = 0; k < p->count; k++) {
            const struct criterion *c = &p->criteria[k];
            if ((metric && c->metric && strcmp(metric, c->metric) == 0) ||
                (fact && c->fact && explain_is_among(fact, c->fact))) {
                explain_criterion(x->out, p->role, c);
            }
        }
    }
    if (x->out->size == before)
        buf_adds(x->out, "  no role\n");
}

static void explain_words(const struct fact_row *f, struct buf *out)
{
    struct fact_word w;
    if (f->word)
        buf_addf(out, "\n%s is one of, the first whose rule holds:\n", f->name);
    for (unsigned i = 0; f->word && f->word(i, &w); i++) {
        AUTO(buf) struct buf rule = { 0 };
        explain_row(w.word, w.what, out);
        if (!w.rule)
            continue;
        buf_addf(&rule, "Rule: %s Source: %s.", w.rule, w.source);
        explain_row("", buf_text(&rule), out);
    }
}

/* What was found on this host, where a document of it is at hand. */
static int explain_host(const struct explain *x, const struct probe *p, struct err *e)
{
    char path[NEWEST_PATH_BYTES];
    const char *document = x->document;
    if (!document && newest_document(".", path))
        document = path;
    if (!document) {
        buf_addf(x->out,
                 "\nNo document is at hand that says what was found: 'plimsoll vet' makes one, "
                 "and\n'plimsoll explain %s FILE' reads it.\n",
                 p->name);
        return 0;
    }
    AUTO(document) struct document d = { 0 };
    if (document_load(document, &d, e)) {
        if (!x->document) /* nobody asked for this one */
            buf_addf(x->out, "\nWhat was found is not told: %s\n", e->msg);
        return x->document ? -1 : 0;
    }
    told_by(p, &d, document, x->out);
    return 0;
}

static void explain_probe(struct explain *x)
{
    const struct probe *p = probes_find(x->id);
    if (!p)
        return;
    x->found = true;
    buf_addf(x->out, "%s: %s\n\n", p->name, p->title);
    explain_line("why     ", p->why, x->out);
    explain_line("source  ", p->source, x->out);
    if (p->metrics)
        buf_adds(x->out, "\nmetrics:\n");
    for (const struct metric *m = p->metrics; m && m->id; m++)
        explain_row(m->id, m->what, x->out);
    if (p->facts)
        buf_adds(x->out, "\nfacts:\n");
    for (const struct fact_row *f = p->facts; f && f->name; f++)
        explain_row(f->name, f->what, x->out);
    for (const struct fact_row *f = p->facts; f && f->name; f++)
        explain_words(f, x->out);
    if (p->opts && p->opts->type != OPT_TYPE_END) {
        buf_addf(x->out, "\noptions (--set %s.OPTION=VALUE):\n", p->name);
        optdoc_help(p->opts, x->out);
    }
}

/* What its interval rests on, where that is not said by its kind's name. */
static const char *explain_interval(enum metric_kind kind)
{
    return kind == METRIC_EVENTS
               ? "\nIts 95 % interval is exact for events that come one by one (Garwood). None "
                 "seen in\na time t is no proof of none: the interval then ends at 3/t, the rule "
                 "of three.\n"
               : "";
}

static void explain_metric(struct explain *x)
{
    const struct probe *owner = NULL;
    const struct metric *m = probes_metric(x->id, &owner);
    m = m ? m : metric_find(watch_table(), x->id);
    if (!m)
        return;
    buf_addf(x->out, "%s%s: %s\n\nunit %s, %s is better, %s%s%s\n%s\njudged by:\n",
             x->found ? "\nThe metric of that name:\n\n" : "", m->id, m->what, units_name(m->unit),
             metric_better_name(m->better), metric_kind_name(m->kind), owner ? ", of probe " : "",
             owner ? owner->name : ", of the witness", explain_interval(m->kind));
    explain_criteria(x, m->id, NULL);
    x->found = true;
}

static void explain_fact(struct explain *x)
{
    const struct probe *owner = NULL;
    const struct fact_row *f = probes_fact(x->id, &owner);
    if (!f)
        return;
    x->found = true;
    bool told = strcmp(owner->name, x->id) == 0; /* the probe of that name has said it all */
    if (!told)
        buf_addf(x->out, "%s: %s\n\nfrom probe %s\n", f->name, f->what, owner->name);
    if (!told)
        explain_words(f, x->out);
    buf_addf(x->out, "\n%s is judged by:\n", f->name);
    explain_criteria(x, NULL, f->name);
}

/* A role, or "role/criterion". */
static void explain_role(struct explain *x)
{
    const char *slash = strchr(x->id, '/');
    size_t length = slash ? (size_t)(slash - x->id) : strlen(x->id);
    for (unsigned i = 0; i < x->roles.count; i++) {
        const struct profile *p = &x->roles.profiles[i];
        if (strlen(p->role) != length || strncmp(p->role, x->id, length) != 0)
            continue;
        if (!slash)
            buf_addf(x->out, "%s: %s\n\n", p->role, p->title);
        for (unsigned k = 0; k < p->count; k++) {
            if (slash && strcmp(slash + 1, p->criteria[k].id) != 0)
                continue;
            explain_criterion(x->out, p->role, &p->criteria[k]);
            x->found = true;
        }
    }
}

/* The probe whose findings belong to the name; NULL for a role and the witness's metrics. */
static const struct probe *explain_owner(const struct explain *x)
{
    const struct probe *owner = probes_find(x->id);
    if (!owner && !probes_metric(x->id, &owner))
        (void)probes_fact(x->id, &owner);
    return owner;
}

static int explain_all(struct explain *x, struct err *e)
{
    struct roles_conf none = { 0 };
    if (roles_load(&none, &x->roles, e))
        return -1;
    explain_probe(x);
    explain_metric(x);
    explain_fact(x);
    explain_role(x);
    const struct probe *p = explain_owner(x);
    if (x->document && x->found && !p)
        return err_set(e, ERR_USAGE, 0,
                       "explain: a document says what was found of a probe, metric or fact, and "
                       "'%s' is none; use 'plimsoll report --details DOC' for verdicts",
                       x->id);
    if (p && (x->document || probes_find(x->id)) && explain_host(x, p, e))
        return -1;
    return x->found
               ? 0
               : err_set(e, ERR_USAGE, 0,
                         "explain: nothing is called '%s'; 'plimsoll list' shows all names", x->id);
}

static int explain_run(const void *conf, const struct opt_list *operands)
{
    (void)conf;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    if (operands->count < 1 || operands->count > 2)
        return say_usage("explain: name one probe, metric, fact, role or role/criterion, and a "
                         "document where it is to say what was found");
    struct explain x = { .id = operands->items[0],
                         .document = operands->count > 1 ? operands->items[1] : NULL,
                         .out = &out };
    int failed = explain_all(&x, &e) || say_out(&out, &e);
    roles_release(&x.roles);
    return failed ? say_error(&e) : EXIT_STATUS_FIT;
}

const struct command cmd_explain = {
    .name = "explain",
    .summary = "say what a probe, metric, fact, role or criterion is, and why it matters",
    .operands = "ID [DOC]",
    .opts = explain_opts,
    .conf_size = sizeof(struct explain_conf),
    .run = explain_run,
    .about = "Explains one name: what it measures, its unit, its options, which roles judge it by "
             "which bounds, why, and from which source. A criterion is named ROLE/ID. For a probe "
             "it also says what was found on this host, from DOC or from the newest "
             "plimsoll-HOST-TIME folder in the current directory.",
};
