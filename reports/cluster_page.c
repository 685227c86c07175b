#include "reports/cluster_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/units.h"
#include "reports/cluster_json.h"
#include "reports/page.h"

enum {
    WIDTH = 100,
    MISSING_MAX = 20 /* directions that are named one by one */
};

/* ---- roles */

static bool is_worse(const struct verdict *a, const struct verdict *b)
{
    if (a->grade != b->grade)
        return grade_worse(a->grade, b->grade) == a->grade;
    if (isnan(a->score) || isnan(b->score))
        return !isnan(a->score);
    const struct finding *f = page_decisive(a);
    const struct finding *g = page_decisive(b);
    return a->score < b->score || (a->score <= b->score && f && g && f->headroom < g->headroom);
}

struct cluster_page_role cluster_page_role(const struct cluster_page *r, unsigned role)
{
    struct cluster_page_role worst = { &r->verdicts[0][role], 0 };
    for (unsigned i = 1; i < r->cluster->members; i++) {
        if (is_worse(&r->verdicts[i][role], worst.verdict))
            worst = (struct cluster_page_role){ &r->verdicts[i][role], i };
    }
    return worst;
}

const struct finding *cluster_page_decisive(const struct cluster_page *r,
                                            struct cluster_page_role worst, struct buf *where)
{
    const struct finding *f = page_decisive(worst.verdict);
    buf_adds(where, r->cluster->nodes[worst.member].name);
    if (f && *f->peer)
        buf_addf(where, " to %s", cluster_name(r->cluster, f->peer));
    return f;
}

static void say_decided(const struct cluster_page *r, struct cluster_page_role worst,
                        struct buf *out)
{
    const struct finding *f = cluster_page_decisive(r, worst, out);
    if (!f) {
        buf_adds(out, ": nothing was measured");
        return;
    }
    struct finding bare = *f;
    bare.peer[0] = '\0'; /* it is named already */
    buf_addf(out, ": %s ", f->criterion->title);
    page_judged(&bare, out);
}

static void add_roles(const struct cluster_page *r, struct paper *p)
{
    static const struct paper_column columns[] = {
        {"ROLE",        PAPER_LEFT },
        { "VERDICT",    PAPER_GRADE},
        { "SCORE",      PAPER_RIGHT},
        { "DECIDED BY", PAPER_REST }
    };
    if (r->role_count == 0)
        return;
    paper_say(p, PAPER_HEADING, "Roles: as good as the worst host and the worst pair");
    paper_table(p, columns, sizeof columns / sizeof columns[0]);
    for (unsigned i = 0; i < r->role_count; i++) {
        struct cluster_page_role worst = cluster_page_role(r, i);
        AUTO(buf) struct buf decided = { 0 };
        char score[PAGE_SHORT_BYTES];
        say_decided(r, worst, &decided);
        paper_cell(p, worst.verdict->profile->role);
        paper_cell(p, grade_name(worst.verdict->grade));
        paper_cell(p, page_score(worst.verdict->score, score));
        paper_cell(p, buf_text(&decided));
    }
}

static void add_hosts(const struct cluster_page *r, struct paper *p)
{
    const struct cluster *c = r->cluster;
    struct paper_column columns[CLUSTER_MEMBERS + 1] = {
        {"ROLE", PAPER_LEFT}
    };
    if (r->role_count == 0)
        return;
    for (unsigned i = 0; i < c->members; i++)
        columns[i + 1] = (struct paper_column){ c->nodes[i].name, PAPER_GRADE };
    paper_say(p, PAPER_HEADING, "Each host");
    paper_table(p, columns, c->members + 1);
    for (unsigned k = 0; k < r->role_count; k++) {
        paper_cell(p, r->verdicts[0][k].profile->role);
        for (unsigned i = 0; i < c->members; i++)
            paper_cell(p, grade_name(r->verdicts[i][k].grade));
    }
}

/* ---- pairs */

static void add_head(const struct cluster *c, struct paper *p)
{
    AUTO(buf) struct buf title = { 0 };
    AUTO(buf) struct buf strangers = { 0 };
    buf_addf(&title, "A cluster of %u: ", c->members);
    for (unsigned i = 0; i < c->members; i++)
        buf_addf(&title, "%s%s", i ? ", " : "", c->nodes[i].name);
    paper_say(p, PAPER_TITLE, buf_text(&title));
    for (unsigned i = 0; i < c->members; i++) {
        AUTO(buf) struct buf host = { 0 };
        AUTO(buf) struct buf words = { 0 };
        page_host(c->nodes[i].document, &host);
        buf_addf(&words, "%s: %s; measured %s", c->nodes[i].name, buf_text(&host),
                 c->nodes[i].document->started);
        paper_say(p, PAPER_ITEM, buf_text(&words));
    }
    if (c->count == c->members)
        return;
    buf_adds(&strangers, "Measured too, without a document of their own, and so no members: ");
    for (unsigned i = c->members; i < c->count; i++)
        buf_addf(&strangers, "%s%s", i > c->members ? ", " : "", c->nodes[i].name);
    paper_say(p, PAPER_WORDS, buf_text(&strangers));
}

/* "1.20 ms", "1.20 ms *", "failed", "-" */
static void say_cell(const struct cluster *c, unsigned from, unsigned to,
                     enum cluster_figure figure, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    const struct result *own = cluster_seen(c, from, to);
    struct cluster_value v = cluster_value(c, from, to, figure);
    const struct result *r = v.borrowed ? cluster_seen(c, to, from) : own;
    if (from == to)
        return;
    if (isnan(v.value)) {
        bool without = own && own->status != STATUS_MEASURED && own->status != STATUS_UNTRUSTED;
        buf_adds(out, without ? status_name(own->status) : "-");
        return;
    }
    buf_addf(out, "%s%s%s", units_format(v.value, cluster_rows[figure].unit, text),
             v.borrowed ? " *" : "", r && r->status == STATUS_UNTRUSTED ? " ?" : "");
}

static int add_matrix(const struct cluster *c, enum cluster_figure figure, struct paper *p)
{
    AUTO_FREE struct paper_column *columns = calloc(c->count + 1, sizeof *columns);
    if (!columns)
        return -1;
    columns[0] = (struct paper_column){ cluster_rows[figure].title, PAPER_LEFT };
    for (unsigned i = 0; i < c->count; i++)
        columns[i + 1] = (struct paper_column){ c->nodes[i].name, PAPER_RIGHT };
    paper_table(p, columns, c->count + 1);
    for (unsigned i = 0; i < c->members; i++) {
        paper_cell(p, c->nodes[i].name);
        for (unsigned k = 0; k < c->count; k++) {
            AUTO(buf) struct buf cell = { 0 };
            say_cell(c, i, k, figure, &cell);
            paper_cell(p, buf_text(&cell));
        }
    }
    return 0;
}

/* Why there is no figure in that direction; nothing when there is one, or none was to be. */
static void say_missing(const struct cluster *c, unsigned from, unsigned to, struct buf *out)
{
    const struct result *r = cluster_seen(c, from, to);
    struct cluster_value v = cluster_value(c, from, to, CLUSTER_P99);
    if (from == to || (!v.borrowed && !isnan(v.value)))
        return;
    buf_addf(out, "%s to %s: ", c->nodes[from].name, c->nodes[to].name);
    if (r)
        page_why(status_name(r->status), *r->reason ? r->reason : "no sample was taken", out);
    else
        buf_adds(out, "not measured: no --peer of that run named it");
    if (v.borrowed)
        buf_adds(out, "; the other side's figures stand");
}

static void add_missing(const struct cluster *c, struct paper *p)
{
    unsigned count = 0;
    char more[64];
    for (unsigned i = 0; i < c->members; i++) {
        for (unsigned k = 0; k < c->members; k++) {
            AUTO(buf) struct buf words = { 0 };
            say_missing(c, i, k, &words);
            if (words.size == 0)
                continue;
            if (count++ == 0)
                paper_say(p, PAPER_HEADING, "Missing");
            if (count <= MISSING_MAX)
                paper_say(p, PAPER_ITEM, buf_text(&words));
        }
    }
    (void)snprintf(more, sizeof more, "and %u more directions", count - MISSING_MAX);
    if (count > MISSING_MAX)
        paper_say(p, PAPER_ITEM, more);
}

static int add_pairs(const struct cluster *c, struct paper *p)
{
    paper_say(p, PAPER_HEADING, "Pairs: each row measured its columns");
    for (unsigned i = 0; i < CLUSTER_FIGURES; i++) {
        if (add_matrix(c, (enum cluster_figure)i, p))
            return -1;
    }
    paper_say(p, PAPER_WORDS,
              "* as the other side measured it: this one did not. ? not trusted, see that host's "
              "own report. - not known.");
    return 0;
}

static void add_worst(const struct cluster *c, struct paper *p)
{
    static const struct paper_column columns[] = {
        {"WORST",  PAPER_LEFT },
        { "VALUE", PAPER_RIGHT},
        { "PAIR",  PAPER_LEFT }
    };
    paper_say(p, PAPER_HEADING, "The worst pair");
    paper_table(p, columns, sizeof columns / sizeof columns[0]);
    for (unsigned i = 0; i < CLUSTER_FIGURES; i++) {
        struct cluster_worst worst = cluster_worst(c, (enum cluster_figure)i);
        char text[UNITS_TEXT_BYTES];
        AUTO(buf) struct buf pair = { 0 };
        if (worst.from >= 0 && worst.value <= 0)
            buf_adds(&pair, "every pair");
        else if (worst.from >= 0)
            buf_addf(&pair, "%s to %s", c->nodes[worst.from].name, c->nodes[worst.to].name);
        paper_cell(p, cluster_rows[i].title);
        paper_cell(p, units_format(worst.value, cluster_rows[i].unit, text));
        paper_cell(p, worst.from >= 0 ? buf_text(&pair) : "none was measured");
    }
}

/* ---- leaders */

static void add_leader(const struct cluster *c, unsigned leader, struct paper *p)
{
    char text[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf by = { 0 };
    struct cluster_quorum q = cluster_quorum(c, leader);
    if (q.last >= 0)
        buf_adds(&by, c->nodes[q.last].name);
    else
        buf_addf(&by, "no majority: %u of %u others are known", q.reached, q.needed);
    paper_cell(p, c->nodes[leader].name);
    paper_cell(p, units_format(q.p50, UNIT_NS, text));
    paper_cell(p, units_format(q.p99, UNIT_NS, text));
    paper_cell(p, units_format(q.loss, UNIT_RATIO, text));
    paper_cell(p, units_format(q.gap, UNIT_NS, text));
    paper_cell(p, buf_text(&by));
}

static void add_quorum(const struct cluster *c, struct paper *p)
{
    static const struct paper_column columns[] = {
        {"LEADER",        PAPER_LEFT },
        { "COMMIT p50",   PAPER_RIGHT},
        { "COMMIT p99",   PAPER_RIGHT},
        { "LOSS",         PAPER_RIGHT},
        { "LONGEST GAP",  PAPER_RIGHT},
        { "COMPLETED BY", PAPER_LEFT },
    };
    AUTO(buf) struct buf words = { 0 };
    unsigned needed = c->members / 2;
    int best = cluster_best(c);
    paper_say(p, PAPER_HEADING, "A leader in each place");
    paper_table(p, columns, sizeof columns / sizeof columns[0]);
    for (unsigned i = 0; i < c->members; i++)
        add_leader(c, i, p);
    if (best >= 0)
        buf_addf(&words, "Best place for a leader: %s. ", c->nodes[best].name);
    else
        buf_adds(&words, "No place for a leader: none is known to reach a majority. ");
    buf_addf(&words,
             "A commit waits for the nearest %u of the %u other%s: the network's part of it is the "
             "longest round trip among those, by p50 and by p99; loss and gap are their largest.",
             needed, c->members - 1, c->members == 2 ? "" : "s");
    paper_say(p, PAPER_WORDS, buf_text(&words));
}

static int fill(const struct cluster_page *r, struct paper *p)
{
    add_head(r->cluster, p);
    add_roles(r, p);
    if (add_pairs(r->cluster, p))
        return -1;
    add_missing(r->cluster, p);
    add_worst(r->cluster, p);
    add_quorum(r->cluster, p);
    add_hosts(r, p);
    return 0;
}

static int write_paper(const struct cluster_page *r, const struct paper *p, const char *format,
                       struct buf *out, struct err *e)
{
    if (strcmp(format, "markdown") == 0)
        return paper_markdown(p, out, e);
    if (strcmp(format, "html") == 0)
        return paper_html(p, p->count ? p->blocks[0].text : "", out, e);
    return paper_text(p, r->width ? r->width : WIDTH, r->colour, out, e);
}

int cluster_page_render(const struct cluster_page *r, const char *format, struct buf *out,
                        struct err *e)
{
    AUTO(paper) struct paper p = { 0 };
    if (strcmp(format, "json") == 0)
        return cluster_json(r, out, e);
    if (fill(r, &p) || p.failed)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the report");
    return write_paper(r, &p, format, out, e);
}
