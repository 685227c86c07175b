#include "reports/cluster_json.h"

#include <math.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/node.h"

/* A member that cannot be made is missed at the end: jansson passes NULL on. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

static json_t *new_object(int bad, json_t *object)
{
    if (!bad)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *node_json(const struct cluster_node *n)
{
    json_t *object = json_object();
    int bad = put(object, "name", node_new_text(n->name));
    bad |= put(object, "member", json_boolean(n->document));
    bad |= put(object, "run", n->document ? node_new_text(n->document->id) : json_null());
    bad |= put(object, "started", n->document ? node_new_text(n->document->started) : json_null());
    return new_object(bad, object);
}

static json_t *nodes_json(const struct cluster *c)
{
    json_t *array = json_array();
    int bad = 0;
    for (unsigned i = 0; i < c->count; i++)
        bad |= json_array_append_new(array, node_json(&c->nodes[i]));
    return new_object(bad, array);
}

static json_t *pair_json(const struct cluster *c, unsigned from, unsigned to)
{
    json_t *object = json_object();
    const struct result *r = cluster_seen(c, from, to);
    struct cluster_value p99 = cluster_value(c, from, to, CLUSTER_P99);
    int bad = put(object, "from", node_new_text(c->nodes[from].name));
    bad |= put(object, "to", node_new_text(c->nodes[to].name));
    bad |= put(object, "status", r ? node_new_text(status_name(r->status)) : json_null());
    bad |= put(object, "reason", r && *r->reason ? node_new_text(r->reason) : json_null());
    bad |= put(object, "figures_from",
               isnan(p99.value) ? json_null() : json_string(p99.borrowed ? "to" : "from"));
    for (unsigned i = 0; i < CLUSTER_FIGURES; i++)
        bad |= put(object, cluster_rows[i].key,
                   node_new_number(cluster_value(c, from, to, (enum cluster_figure)i).value));
    return new_object(bad, object);
}

static json_t *pairs_json(const struct cluster *c)
{
    json_t *array = json_array();
    int bad = 0;
    for (unsigned i = 0; i < c->members; i++) {
        for (unsigned k = 0; k < c->count; k++) {
            if (i != k)
                bad |= json_array_append_new(array, pair_json(c, i, k));
        }
    }
    return new_object(bad, array);
}

static json_t *worst_of_json(const struct cluster *c, enum cluster_figure figure)
{
    struct cluster_worst worst = cluster_worst(c, figure);
    if (worst.from < 0)
        return json_null();
    json_t *object = json_object();
    int bad = put(object, "from", node_new_text(c->nodes[worst.from].name));
    bad |= put(object, "to", node_new_text(c->nodes[worst.to].name));
    bad |= put(object, "value", node_new_number(worst.value));
    return new_object(bad, object);
}

static json_t *worst_json(const struct cluster *c)
{
    json_t *object = json_object();
    int bad = 0;
    for (unsigned i = 0; i < CLUSTER_FIGURES; i++)
        bad |= put(object, cluster_rows[i].key, worst_of_json(c, (enum cluster_figure)i));
    return new_object(bad, object);
}

static json_t *leader_json(const struct cluster *c, unsigned leader)
{
    json_t *object = json_object();
    struct cluster_quorum q = cluster_quorum(c, leader);
    int bad = put(object, "leader", node_new_text(c->nodes[leader].name));
    bad |= put(object, "reached", json_integer(q.reached));
    bad |= put(object, "completed_by",
               q.last < 0 ? json_null() : node_new_text(c->nodes[q.last].name));
    bad |= put(object, cluster_rows[CLUSTER_P50].key, node_new_number(q.p50));
    bad |= put(object, cluster_rows[CLUSTER_P99].key, node_new_number(q.p99));
    bad |= put(object, cluster_rows[CLUSTER_LOSS].key, node_new_number(q.loss));
    bad |= put(object, cluster_rows[CLUSTER_GAP].key, node_new_number(q.gap));
    return new_object(bad, object);
}

static json_t *quorum_json(const struct cluster *c)
{
    json_t *object = json_object();
    json_t *array = json_array();
    int best = cluster_best(c);
    int bad = put(object, "needed", json_integer(c->members / 2));
    bad |= put(object, "best_leader", best < 0 ? json_null() : node_new_text(c->nodes[best].name));
    for (unsigned i = 0; i < c->members; i++)
        bad |= json_array_append_new(array, leader_json(c, i));
    bad |= put(object, "leaders", array);
    return new_object(bad, object);
}

static json_t *role_json(const struct cluster_page *r, unsigned role)
{
    json_t *object = json_object();
    AUTO(buf) struct buf where = { 0 };
    struct cluster_page_role worst = cluster_page_role(r, role);
    const struct finding *f = cluster_page_decisive(r, worst, &where);
    bool pair = f && *f->peer;
    int bad = put(object, "role", node_new_text(worst.verdict->profile->role));
    bad |= put(object, "grade", node_new_text(grade_name(worst.verdict->grade)));
    bad |= put(object, "score", node_new_number(worst.verdict->score));
    bad |= put(object, "node", node_new_text(r->cluster->nodes[worst.member].name));
    bad |=
        put(object, "peer", pair ? node_new_text(cluster_name(r->cluster, f->peer)) : json_null());
    bad |= put(object, "criterion", f ? node_new_text(f->criterion->id) : json_null());
    bad |= put(object, "value", f ? node_new_number(f->value) : json_null());
    bad |= put(object, "decided_by", f ? node_new_text(f->value_text) : json_null());
    return new_object(bad, object);
}

static json_t *roles_json(const struct cluster_page *r)
{
    json_t *array = json_array();
    int bad = 0;
    for (unsigned i = 0; i < r->role_count; i++)
        bad |= json_array_append_new(array, role_json(r, i));
    return new_object(bad, array);
}

int cluster_json(const struct cluster_page *r, struct buf *out, struct err *e)
{
    json_t *root = json_object();
    int bad = put(root, "schema", json_string(CLUSTER_JSON_SCHEMA));
    bad |= put(root, "nodes", nodes_json(r->cluster));
    bad |= put(root, "pairs", pairs_json(r->cluster));
    bad |= put(root, "worst", worst_json(r->cluster));
    bad |= put(root, "quorum", quorum_json(r->cluster));
    bad |= put(root, "roles", roles_json(r));
    int failed =
        bad ? err_set(e, ERR_NO_RESOURCE, 0, "no memory for the report") : node_write(root, out, e);
    json_decref(root);
    return failed;
}
