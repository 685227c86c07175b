#include "reports/cluster.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"

static const struct metric rows[] = {
    {"net.rtt",     UNIT_NS,    METRIC_LOWER, METRIC_HIST, "p50", "Round trips."},
    { "net.loss",   UNIT_RATIO, METRIC_LOWER, METRIC_MEAN, "",    "Loss."       },
    { "net.gap",    UNIT_NS,    METRIC_LOWER, METRIC_MAX,  "",    "Gap."        },
    { "net.offset", UNIT_NS,    METRIC_LOWER, METRIC_MEAN, "",    "Offset."     },
    METRIC_END,
};

enum {
    HOSTS = 5
};

struct scene {
    struct document d[HOSTS];
    char paths[HOSTS][16];
    const char *path[HOSTS];
    unsigned count;
    struct cluster c;
    struct err e;
};

static const char *const names[HOSTS] = { "node-a", "node-b", "node-c", "node-d", "node-e" };

/* Hosts node-a, node-b ... with 10.0.0.1, 10.0.0.2 ... and a bridge that all have. */
static void open_scene(struct scene *s, unsigned count)
{
    *s = (struct scene){ .count = count };
    for (unsigned i = 0; i < count; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "10.0.0.%u 172.17.0.1 fd99::%u", i + 1, i + 1);
        (void)snprintf(s->paths[i], sizeof s->paths[i], "%s.json", names[i]);
        (void)snprintf(s->d[i].id, sizeof s->d[i].id, "%032u", i);
        s->path[i] = s->paths[i];
        assert_int_equal(facts_set_text(&s->d[i].host, "host.hostname", names[i], NULL), 0);
        assert_int_equal(facts_set_list(&s->d[i].host, "host.addresses", words, NULL), 0);
    }
}

static void close_scene(struct scene *s)
{
    cluster_release(&s->c);
    cluster_release(&s->c);
    for (unsigned i = 0; i < s->count; i++)
        document_release(&s->d[i]);
}

static void put(struct result *r, unsigned metric, const char *name, double value)
{
    struct result_metric *m = &r->metrics[metric];
    struct result_statistic *s = &m->statistics[m->statistic_count++];
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    s->value = s->low = s->high = value;
}

/* p50 in microseconds; p99 is twice that, the gap a thousandfold. */
static struct result *meet(struct scene *s, unsigned from, const char *peer, double p50_us,
                           double loss)
{
    struct result r = { 0 };
    struct document *d = &s->d[from];
    assert_int_equal(result_open(&r, "net.rtt", "Round trips", rows, &s->e), 0);
    (void)snprintf(r.peer, sizeof r.peer, "%s", peer);
    put(&r, 0, "p50", p50_us * 1e3);
    put(&r, 0, "p99", p50_us * 2e3);
    put(&r, 1, "value", loss);
    put(&r, 2, "value", p50_us * 1e6);
    put(&r, 3, "value", p50_us * 10);
    assert_int_equal(document_take(d, &r, &s->e), 0);
    return &d->measurements[d->measurement_count - 1];
}

static void gather(struct scene *s)
{
    if (cluster_open(s->d, s->path, s->count, &s->c, &s->e))
        fail_msg("%s", s->e.msg);
}

static void refused(struct scene *s, unsigned count, const char *says)
{
    assert_int_equal(cluster_open(s->d, s->path, count, &s->c, &s->e), -1);
    if (!strstr(s->e.msg, says))
        fail_msg("%s", s->e.msg);
    assert_null(s->c.nodes);
}

static void peers_are_found_by_name_hostname_and_address(void **state)
{
    (void)state;

    static const struct {
        const char *peer;
        int node;
    } rows_of_peers[] = {
        {"node-b",              1},
        { "NODE-B:8620",        1},
        { "node-b.example.org", 1},
        { "10.0.0.2",           1},
        { "10.0.0.2:862",       1},
        { "fd99::2",            1},
        { "FD99:0::2%eth0",     1},
        { "[fd99::2]:862",      1},
        { "[fd99::2%eth0]:862", 1},
        { "172.17.0.1",         2}, /* of all, and so of none */
        { "10.0.0.9",           2},
        { "node-bb",            2},
        { "10.0.0",             2},
        { "b.example.org",      2},
    };

    for (unsigned i = 0; i < sizeof rows_of_peers / sizeof rows_of_peers[0]; i++) {
        struct scene s;
        open_scene(&s, 2);
        (void)meet(&s, 0, rows_of_peers[i].peer, 100, 0);
        (void)meet(&s, 1, "node-a", 100, 0);
        gather(&s);
        if (!cluster_seen(&s.c, 0, (unsigned)rows_of_peers[i].node))
            fail_msg("%s", rows_of_peers[i].peer);
        assert_int_equal(s.c.count, rows_of_peers[i].node == 2 ? 3 : 2);
        close_scene(&s);
    }
}

static void a_label_names_the_node_and_the_hostname_still_finds_it(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 2);
    (void)snprintf(s.d[1].labels[0].key, LIMITS_NAME_BYTES, "node");
    (void)snprintf(s.d[1].labels[0].value, sizeof s.d[1].labels[0].value, "frankfurt");
    s.d[1].label_count = 1;
    (void)meet(&s, 0, "node-b", 100, 0);
    (void)meet(&s, 1, "node-a", 100, 0);
    gather(&s);
    assert_string_equal(s.c.nodes[1].name, "frankfurt");
    assert_non_null(cluster_seen(&s.c, 0, 1));
    assert_string_equal(cluster_name(&s.c, "frankfurt:862"), "frankfurt");
    assert_string_equal(cluster_name(&s.c, "10.0.0.2"), "frankfurt");
    assert_string_equal(cluster_name(&s.c, "elsewhere"), "elsewhere");
    close_scene(&s);
}

static void a_peer_of_an_older_document_stands_among_its_parameters(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 2);
    meet(&s, 0, "", 100, 0)->parameters = json_pack("{s:s}", "peer", "10.0.0.2");
    meet(&s, 1, "", 100, 0)->parameters = json_pack("{s:[s]}", "peer", "10.0.0.1");
    gather(&s);
    assert_non_null(cluster_seen(&s.c, 0, 1));
    assert_non_null(cluster_seen(&s.c, 1, 0));
    close_scene(&s);
}

static void a_pair_seen_from_one_side_is_that_side_s_and_says_so(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 3);
    (void)meet(&s, 0, "node-b", 100, 0.01);
    result_set_status(meet(&s, 1, "node-a", 70, 0), STATUS_FAILED, "nobody is at home");
    (void)meet(&s, 2, "node-b", 50, 0);
    gather(&s);
    struct cluster_value v = cluster_value(&s.c, 1, 0, CLUSTER_P50);
    assert_true(v.borrowed && v.value == 100e3);
    v = cluster_value(&s.c, 0, 1, CLUSTER_LOSS);
    assert_true(!v.borrowed && v.value == 0.01);
    v = cluster_value(&s.c, 0, 2, CLUSTER_P50);
    assert_true(isnan(v.value));
    assert_true(isnan(cluster_value(&s.c, 1, 1, CLUSTER_P50).value));
    close_scene(&s);
}

static void the_worst_pair_is_found_for_each_figure(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 3);
    (void)meet(&s, 0, "node-b", 100, 0.5);
    (void)meet(&s, 1, "node-c", 300, 0);
    (void)meet(&s, 2, "node-b", 200, 0);
    gather(&s);
    struct cluster_worst w = cluster_worst(&s.c, CLUSTER_P99);
    assert_true(w.from == 1 && w.to == 2 && w.value == 600e3);
    w = cluster_worst(&s.c, CLUSTER_LOSS);
    assert_true(w.from == 0 && w.to == 1);
    close_scene(&s);
}

/* Distances on a line: a 0, b 100, c 210, d 1000, e 5000 us. */
static void a_leader_waits_for_the_nearest_majority(void **state)
{
    (void)state;
    static const double at[HOSTS] = { 0, 100, 210, 1000, 5000 };
    struct scene s;
    open_scene(&s, HOSTS);
    for (unsigned i = 0; i < HOSTS; i++) {
        for (unsigned k = 0; k < HOSTS; k++) {
            if (i != k)
                (void)meet(&s, i, names[k], fabs(at[i] - at[k]), k == 2 ? 0.25 : 0);
        }
    }
    (void)meet(&s, 0, "registry", 1, 0); /* near, but no member */
    gather(&s);
    struct cluster_quorum q = cluster_quorum(&s.c, 0);
    assert_int_equal(q.needed, 2);
    assert_int_equal(q.reached, 4);
    assert_int_equal(q.last, 2);
    assert_true(q.p50 == 210e3 && q.p99 == 420e3 && q.loss == 0.25 && q.gap == 210e6);
    q = cluster_quorum(&s.c, 1);
    assert_true(q.last == 2 && q.p50 == 110e3);
    q = cluster_quorum(&s.c, 4);
    assert_true(q.last == 2 && q.p50 == 4790e3);
    assert_int_equal(cluster_best(&s.c), 1);
    close_scene(&s);
}

static void half_of_an_even_cluster_is_no_majority(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4);
    for (unsigned k = 1; k < 4; k++) {
        (void)meet(&s, 0, names[k], k * 100, 0);
        (void)meet(&s, k, "registry", 1, 0);
    }
    gather(&s);
    struct cluster_quorum q = cluster_quorum(&s.c, 0);
    assert_true(q.needed == 2 && q.p50 == 200e3);
    q = cluster_quorum(&s.c, 1); /* knows node-a alone, from the other side */
    assert_int_equal(q.reached, 1);
    assert_int_equal(q.last, -1);
    assert_true(isnan(q.p50) && isnan(q.p99) && isnan(q.loss) && isnan(q.gap));
    assert_int_equal(cluster_best(&s.c), 0);
    close_scene(&s);
}

static void two_measurements_to_one_node_count_as_the_slower(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 2);
    (void)meet(&s, 0, "10.0.0.2", 100, 0);
    (void)meet(&s, 0, "fd99::2", 300, 0);
    result_set_status(meet(&s, 0, "node-b", 900, 0), STATUS_FAILED, "no such name");
    (void)meet(&s, 1, "node-a", 1, 0);
    gather(&s);
    assert_true(cluster_value(&s.c, 0, 1, CLUSTER_P50).value == 300e3);
    close_scene(&s);
}

static void what_is_no_cluster_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 3);
    (void)meet(&s, 0, "node-b", 100, 0);
    (void)meet(&s, 1, "node-a", 100, 0);
    refused(&s, 0, "two hosts or more");
    refused(&s, 1, "two hosts or more");
    refused(&s, CLUSTER_MEMBERS + 1, "65 documents, and at most 64");
    refused(&s, 3, "'node-c.json' measured no other node");
    (void)snprintf(s.d[1].id, sizeof s.d[1].id, "%s", s.d[0].id);
    refused(&s, 2, "'node-a.json' and 'node-b.json' are the same run");
    (void)snprintf(s.d[1].id, sizeof s.d[1].id, "%032u", 9);
    assert_int_equal(facts_set_text(&s.d[1].host, "host.hostname", "Node-A", NULL), 0);
    refused(&s, 2, "are both of 'Node-A': leave one out");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_found_by_name_hostname_and_address),
        cmocka_unit_test(a_label_names_the_node_and_the_hostname_still_finds_it),
        cmocka_unit_test(a_peer_of_an_older_document_stands_among_its_parameters),
        cmocka_unit_test(a_pair_seen_from_one_side_is_that_side_s_and_says_so),
        cmocka_unit_test(the_worst_pair_is_found_for_each_figure),
        cmocka_unit_test(a_leader_waits_for_the_nearest_majority),
        cmocka_unit_test(half_of_an_even_cluster_is_no_majority),
        cmocka_unit_test(two_measurements_to_one_node_count_as_the_slower),
        cmocka_unit_test(what_is_no_cluster_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
