#include "reports/cluster.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probes/kit/auto.h"

const struct cluster_row cluster_rows[CLUSTER_FIGURES] = {
    [CLUSTER_P50] = {"RTT p50",       "rtt_p50_ns", "net.rtt",    "p50",   UNIT_NS   },
    [CLUSTER_P99] = { "RTT p99",      "rtt_p99_ns", "net.rtt",    "p99",   UNIT_NS   },
    [CLUSTER_LOSS] = { "loss",         "loss_ratio", "net.loss",   "value", UNIT_RATIO},
    [CLUSTER_GAP] = { "longest gap",  "gap_ns",     "net.gap",    "value", UNIT_NS   },
    [CLUSTER_OFFSET] = { "clock offset", "offset_ns",  "net.offset", "value", UNIT_NS   },
};

static const char cluster_probe[] = "net.rtt";

/* ---- names */

static const char *label_of(const struct document *d, const char *key)
{
    for (unsigned i = 0; i < d->label_count; i++) {
        if (strcmp(d->labels[i].key, key) == 0)
            return d->labels[i].value;
    }
    return NULL;
}

static const char *hostname_of(const struct document *d)
{
    const struct fact *f = facts_find(&d->host, "host.hostname");
    return f && f->kind == FACT_TEXT && f->text && *f->text ? f->text : NULL;
}

/* The host in "HOST", "HOST:PORT", "[V6]:PORT", "V6%IFACE"; addresses as inet_ntop(3) has them. */
static void host_of(const char *peer, char host[CLUSTER_NAME_BYTES])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    bool bracketed = peer[0] == '[';
    const char *from = peer + bracketed;
    const char *colon = strchr(from, ':');
    bool has_port = !bracketed && colon && !strchr(colon + 1, ':');
    size_t length = strcspn(from, bracketed ? "]%" : has_port ? ":%" : "%");
    (void)snprintf(host, CLUSTER_NAME_BYTES, "%.*s", (int)length, from);
    if (inet_pton(AF_INET6, host, bytes) == 1)
        (void)inet_ntop(AF_INET6, bytes, host, CLUSTER_NAME_BYTES);
}

/* Whom a measurement was made to; documents of one peer may name it among the parameters alone. */
static const char *peer_of(const struct result *r)
{
    const json_t *peer = json_object_get(r->parameters, "peer");
    if (r->peer[0])
        return r->peer;
    if (json_is_array(peer))
        peer = json_array_size(peer) == 1 ? json_array_get(peer, 0) : NULL;
    const char *text = json_string_value(peer);
    return text ? text : "";
}

/* "node-b" and "node-b.example.org" are one. */
static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, ".");
    size_t m = strcspn(b, ".");
    bool whole = a[n] && b[m]; /* two domains must agree */
    return whole ? strcasecmp(a, b) == 0 : n == m && strncasecmp(a, b, n) == 0;
}

static bool is_named(const struct cluster_node *node, const char *host)
{
    return same_name(node->name, host);
}

static bool is_hostname(const struct cluster_node *node, const char *host)
{
    const char *name = hostname_of(node->document);
    return name && same_name(name, host);
}

static bool is_address(const struct cluster_node *node, const char *host)
{
    const struct fact *f = facts_find(&node->document->host, "host.addresses");
    return f && f->kind == FACT_LIST && facts_holds(f, host);
}

/* The only member for which it is so; -1 when there is none, or several. */
static int only_member(const struct cluster *c,
                       bool (*is)(const struct cluster_node *node, const char *host),
                       const char *host)
{
    int found = -1;
    for (unsigned i = 0; i < c->members; i++) {
        if (!is(&c->nodes[i], host))
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

static int find_member(const struct cluster *c, const char *host)
{
    static bool (*const ways[])(const struct cluster_node *,
                                const char *) = { is_named, is_hostname, is_address };
    unsigned char bytes[sizeof(struct in_addr)];
    unsigned first = inet_pton(AF_INET, host, bytes) == 1 ? 2 : 0; /* dots, but no domains */
    int found = -1;
    for (unsigned i = first; found < 0 && i < sizeof ways / sizeof ways[0]; i++)
        found = only_member(c, ways[i], host);
    return found;
}

static int find_stranger(const struct cluster *c, const char *host)
{
    for (unsigned i = c->members; i < c->count; i++) {
        if (strcasecmp(c->nodes[i].name, host) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- members */

static bool is_to_a_peer(const struct result *r)
{
    return strcmp(r->probe, cluster_probe) == 0 && *peer_of(r);
}

static int check_measured(const struct document *d, const char *path, struct err *e)
{
    for (unsigned i = 0; i < d->measurement_count; i++) {
        if (is_to_a_peer(&d->measurements[i]))
            return 0;
    }
    return err_set(e, ERR_DATA, 0,
                   "'%s' measured no other node: it has no %s to a peer; measure that host again "
                   "with a --peer for each of the others",
                   path, cluster_probe);
}

static int check_apart(const struct cluster *c, const char *const *paths, struct err *e)
{
    const struct cluster_node *last = &c->nodes[c->members - 1];
    for (unsigned i = 0; i + 1 < c->members; i++) {
        const struct cluster_node *other = &c->nodes[i];
        if (strcmp(other->document->id, last->document->id) == 0)
            return err_set(e, ERR_USAGE, 0, "'%s' and '%s' are the same run: name each host once",
                           paths[i], paths[c->members - 1]);
        if (strcasecmp(other->name, last->name) == 0)
            return err_set(e, ERR_USAGE, 0,
                           "'%s' and '%s' are both of '%s': leave one out or, when the hosts are "
                           "two, measure them with --label node=NAME each",
                           paths[i], paths[c->members - 1], last->name);
    }
    return 0;
}

static int add_members(const struct document *documents, const char *const *paths, unsigned count,
                       struct cluster *c, struct err *e)
{
    for (unsigned i = 0; i < count; i++) {
        const struct document *d = &documents[i];
        struct cluster_node *node = &c->nodes[c->count++];
        const char *label = label_of(d, "node");
        const char *name = label ? label : hostname_of(d);
        c->members = c->count;
        node->document = d;
        (void)snprintf(node->name, sizeof node->name, "%s", name ? name : paths[i]);
        if (check_measured(d, paths[i], e) || check_apart(c, paths, e))
            return -1;
    }
    return 0;
}

/* ---- who measured whom */

static double figure_of(const struct result *r, enum cluster_figure figure)
{
    const struct cluster_row *row = &cluster_rows[figure];
    if (!r || (r->status != STATUS_MEASURED && r->status != STATUS_UNTRUSTED))
        return NAN;
    const struct result_metric *m = result_metric_find(r, row->metric);
    const struct result_statistic *s = m ? result_statistic_find(m, row->statistic) : NULL;
    return s ? s->value : NAN;
}

/* Of two to one node, by two of its addresses, the slower; one with figures before one without. */
static const struct result *slower(const struct result *a, const struct result *b)
{
    double x = figure_of(a, CLUSTER_P99);
    double y = figure_of(b, CLUSTER_P99);
    if (!a || isnan(x))
        return b;
    return isnan(y) || x >= y ? a : b;
}

static int column_of(struct cluster *c, const char *peer, struct err *e)
{
    char host[CLUSTER_NAME_BYTES];
    host_of(peer, host);
    int found = find_member(c, host);
    if (found < 0)
        found = find_stranger(c, host);
    if (found >= 0)
        return found;
    if (c->count == CLUSTER_NODES)
        return err_set(e, ERR_DATA, 0, "more than %d peers of which there is no document",
                       CLUSTER_NODES - CLUSTER_MEMBERS);
    struct cluster_node *node = &c->nodes[c->count];
    (void)snprintf(node->name, sizeof node->name, "%s", host);
    return (int)c->count++;
}

static int add_seen(struct cluster *c, unsigned from, struct err *e)
{
    const struct document *d = c->nodes[from].document;
    for (unsigned i = 0; i < d->measurement_count; i++) {
        const struct result *r = &d->measurements[i];
        if (!is_to_a_peer(r))
            continue;
        int to = column_of(c, peer_of(r), e);
        if (to < 0)
            return -1;
        const struct result **at = &c->seen[from * CLUSTER_NODES + (unsigned)to];
        *at = slower(*at, r);
    }
    return 0;
}

static int fill(const struct document *documents, const char *const *paths, unsigned count,
                struct cluster *c, struct err *e)
{
    if (add_members(documents, paths, count, c, e))
        return -1;
    for (unsigned i = 0; i < count; i++) {
        if (add_seen(c, i, e))
            return err_wrap(e, "'%s'", paths[i]);
    }
    return 0;
}

int cluster_open(const struct document *documents, const char *const *paths, unsigned count,
                 struct cluster *c, struct err *e)
{
    *c = (struct cluster){ 0 };
    if (count < 2)
        return err_set(e, ERR_USAGE, 0,
                       "a cluster is two hosts or more: name the document of each, as in 'plimsoll "
                       "report --cluster a.json b.json c.json'");
    if (count > CLUSTER_MEMBERS)
        return err_set(e, ERR_USAGE, 0, "%u documents, and at most %d make a cluster", count,
                       CLUSTER_MEMBERS);
    c->nodes = calloc(CLUSTER_NODES, sizeof *c->nodes);
    c->seen = calloc((size_t)count * CLUSTER_NODES, sizeof(struct result *));
    int failed = c->nodes && c->seen ? fill(documents, paths, count, c, e)
                                     : err_set(e, ERR_NO_RESOURCE, 0, "no memory for a cluster");
    if (failed)
        cluster_release(c);
    return failed;
}

void cluster_release(struct cluster *c)
{
    free(c->nodes);
    free(c->seen);
    *c = (struct cluster){ 0 };
}

const char *cluster_name(const struct cluster *c, const char *peer)
{
    char host[CLUSTER_NAME_BYTES];
    host_of(peer, host);
    int found = find_member(c, host);
    found = found < 0 ? find_stranger(c, host) : found;
    return found < 0 ? peer : c->nodes[found].name;
}

const struct result *cluster_seen(const struct cluster *c, unsigned from, unsigned to)
{
    return from < c->members ? c->seen[from * CLUSTER_NODES + to] : NULL;
}

struct cluster_value cluster_value(const struct cluster *c, unsigned from, unsigned to,
                                   enum cluster_figure figure)
{
    double own = figure_of(cluster_seen(c, from, to), figure);
    double other = figure_of(cluster_seen(c, to, from), figure);
    if (from == to || (isnan(own) && isnan(other)))
        return (struct cluster_value){ NAN, false };
    return (struct cluster_value){ isnan(own) ? other : own, isnan(own) };
}

struct cluster_worst cluster_worst(const struct cluster *c, enum cluster_figure figure)
{
    struct cluster_worst worst = { -1, -1, NAN };
    for (unsigned i = 0; i < c->members; i++) {
        for (unsigned k = 0; k < c->count; k++) {
            double value = i == k ? NAN : figure_of(cluster_seen(c, i, k), figure);
            if (!isnan(value) && (worst.from < 0 || value > worst.value))
                worst = (struct cluster_worst){ (int)i, (int)k, value };
        }
    }
    return worst;
}

/* ---- quorum */

struct voter {
    unsigned index;
    double p50, p99;
};

static int by_value(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int by_p50(const void *a, const void *b)
{
    return by_value(((const struct voter *)a)->p50, ((const struct voter *)b)->p50);
}

static int by_p99(const void *a, const void *b)
{
    const struct voter *x = a;
    const struct voter *y = b;
    int order = by_value(x->p99, y->p99);
    return order ? order : by_value(x->p50, y->p50);
}

static unsigned list_voters(const struct cluster *c, unsigned leader,
                            struct voter voters[CLUSTER_MEMBERS])
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->members; i++) {
        double p50 = cluster_value(c, leader, i, CLUSTER_P50).value;
        double p99 = cluster_value(c, leader, i, CLUSTER_P99).value;
        if (!isnan(p50) && !isnan(p99))
            voters[count++] = (struct voter){ i, p50, p99 };
    }
    return count;
}

struct cluster_quorum cluster_quorum(const struct cluster *c, unsigned leader)
{
    struct voter voters[CLUSTER_MEMBERS];
    struct cluster_quorum q = {
        .needed = c->members / 2, .last = -1, .p50 = NAN, .p99 = NAN, .loss = NAN, .gap = NAN
    };
    q.reached = list_voters(c, leader, voters);
    if (q.reached < q.needed)
        return q;
    qsort(voters, q.reached, sizeof voters[0], by_p50);
    q.p50 = voters[q.needed - 1].p50;
    qsort(voters, q.reached, sizeof voters[0], by_p99);
    q.p99 = voters[q.needed - 1].p99;
    q.last = (int)voters[q.needed - 1].index;
    for (unsigned i = 0; i < q.needed; i++) {
        q.loss = fmax(q.loss, cluster_value(c, leader, voters[i].index, CLUSTER_LOSS).value);
        q.gap = fmax(q.gap, cluster_value(c, leader, voters[i].index, CLUSTER_GAP).value);
    }
    return q;
}

int cluster_best(const struct cluster *c)
{
    int best = -1;
    struct cluster_quorum least = { .p99 = INFINITY };
    for (unsigned i = 0; i < c->members; i++) {
        struct cluster_quorum q = cluster_quorum(c, i);
        bool better = q.last >= 0 &&
                      (best < 0 || q.p99 < least.p99 || (q.p99 <= least.p99 && q.p50 < least.p50));
        best = better ? (int)i : best;
        least = better ? q : least;
    }
    return best;
}
