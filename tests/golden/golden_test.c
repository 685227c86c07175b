/*
 * Every renderer over every document of tests/golden/documents, byte for byte. No probe is linked:
 * what profiles may name is taken from the first document, which holds all metrics and facts.
 * A cluster's are over the three of tests/golden/cluster together.
 * PLIMSOLL_GOLDEN=write (make golden) writes the files anew instead; read the difference.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "reports/cluster_page.h"
#include "reports/render.h"

enum {
    ROLES = 32,
    PATH = 128
};

struct scene {
    struct document known, d;
    struct profile profiles[ROLES];
    struct verdict verdicts[ROLES];
    unsigned count;
};

static const struct metric *known_metric(const char *id, const void *arg)
{
    static struct metric found;
    const struct result_metric *m = document_metric(arg, id, NULL);
    if (!m)
        return NULL;
    found = (struct metric){ .id = m->id, .unit = m->unit, .better = m->better, .kind = m->kind };
    return &found;
}

static const struct fact_row *known_fact(const char *name, const void *arg)
{
    static struct fact_row found;
    const struct document *d = arg;
    const struct fact *f = facts_find(&d->host, name);
    if (!f)
        return NULL;
    found = (struct fact_row){ .name = f->name, .kind = f->kind, .unit = f->unit };
    return &found;
}

static void open_scene(struct scene *s, const char *name)
{
    struct err e = { 0 };
    char path[PATH];
    const struct profile_known known = { known_metric, known_fact, NULL, &s->known };
    (void)snprintf(path, sizeof path, "tests/golden/documents/%s.json", name);
    if (document_load("tests/golden/documents/good.json", &s->known, &e) ||
        document_load(path, &s->d, &e)) {
        fail_msg("%s", e.msg);
    }
    for (const struct profile_embedded *p = profile_embedded; p->role; p++) {
        struct profile *to = &s->profiles[s->count];
        if (profile_parse(p->text, p->size, p->role, &known, to, &e) ||
            verdict_of(to, &s->d, false, &s->verdicts[s->count], &e)) {
            fail_msg("%s", e.msg);
        }
        s->count++;
    }
}

static void close_scene(struct scene *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        verdict_release(&s->verdicts[i]);
        profile_release(&s->profiles[i]);
    }
    document_release(&s->known);
    document_release(&s->d);
}

static void compare(const char *path, const struct buf *now)
{
    struct err e = { 0 };
    AUTO(buf) struct buf then = { .cap = LIMITS_DOCUMENT_BYTES };
    const char *write = getenv("PLIMSOLL_GOLDEN");
    if (write && strcmp(write, "write") == 0) {
        assert_int_equal(file_write_atomic_at(AT_FDCWD, path, buf_text(now), now->size, &e), 0);
        return;
    }
    if (file_read_at(AT_FDCWD, path, &then, &e))
        fail_msg("%s", e.msg);
    size_t at = 0;
    unsigned line = 1;
    while (at < now->size && at < then.size && now->data[at] == then.data[at])
        line += now->data[at++] == '\n';
    if (at != now->size || at != then.size)
        fail_msg("%s:%u: expected '%.60s', rendered '%.60s'", path, line, buf_text(&then) + at,
                 buf_text(now) + at);
}

static void render_all_formats(const char *name)
{
    static const struct {
        const char *format, *suffix;
        unsigned width;
        bool details, colour;
    } rows[] = {
        {"text",      "txt",         100, false, false},
        { "text",     "80.txt",      80,  false, false},
        { "text",     "details.txt", 100, true,  true },
        { "markdown", "md",          0,   false, false},
        { "html",     "html",        0,   false, false},
    };
    struct scene s = { 0 };
    open_scene(&s, name);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[PATH];
        struct err e = { 0 };
        AUTO(buf) struct buf text = { 0 };
        const struct report r = { .document = &s.d,
                                  .verdicts = s.verdicts,
                                  .verdict_count = s.count,
                                  .colour = rows[i].colour,
                                  .width = rows[i].width,
                                  .details = rows[i].details };
        if (render_find(rows[i].format)->render(&r, &text, &e))
            fail_msg("%s", e.msg);
        (void)snprintf(path, sizeof path, "tests/golden/expected/%s.%s", name, rows[i].suffix);
        compare(path, &text);
    }
    close_scene(&s);
}

static void a_good_host_is_said_as_before(void **state)
{
    (void)state;
    render_all_formats("good");
}

static void a_slow_host_is_said_as_before(void **state)
{
    (void)state;
    render_all_formats("slow");
}

static void a_stopped_run_is_said_as_before(void **state)
{
    (void)state;
    render_all_formats("stopped");
}

static void a_robbed_host_is_said_as_before(void **state)
{
    (void)state;
    render_all_formats("robbed");
}

enum {
    NODES = 3
};

struct court { /* the documents of a cluster, and the verdicts on each */
    struct document known, d[NODES];
    struct profile profiles[ROLES];
    struct verdict verdicts[NODES][ROLES];
    const struct verdict *by_node[NODES];
    struct cluster cluster;
    unsigned roles;
};

static const char *const nodes[NODES] = { "tests/golden/cluster/node-a.json",
                                          "tests/golden/cluster/node-b.json",
                                          "tests/golden/cluster/node-c.json" };

static void open_court(struct court *c)
{
    struct err e = { 0 };
    const struct profile_known known = { known_metric, known_fact, NULL, &c->known };
    int failed = document_load("tests/golden/documents/good.json", &c->known, &e);
    for (const struct profile_embedded *p = profile_embedded; p->role && !failed; p++)
        failed = profile_parse(p->text, p->size, p->role, &known, &c->profiles[c->roles++], &e);
    for (unsigned i = 0; i < NODES && !failed; i++) {
        failed = document_load(nodes[i], &c->d[i], &e);
        for (unsigned k = 0; k < c->roles && !failed; k++)
            failed = verdict_of(&c->profiles[k], &c->d[i], false, &c->verdicts[i][k], &e);
        c->by_node[i] = c->verdicts[i];
    }
    if (failed || cluster_open(c->d, nodes, NODES, &c->cluster, &e))
        fail_msg("%s", e.msg);
}

static void close_court(struct court *c)
{
    cluster_release(&c->cluster);
    for (unsigned i = 0; i < NODES; i++) {
        for (unsigned k = 0; k < c->roles; k++)
            verdict_release(&c->verdicts[i][k]);
        document_release(&c->d[i]);
    }
    for (unsigned k = 0; k < c->roles; k++)
        profile_release(&c->profiles[k]);
    document_release(&c->known);
}

static void a_cluster_is_said_as_before(void **state)
{
    (void)state;

    static const struct {
        const char *format, *suffix;
        unsigned width;
        bool colour;
    } rows[] = {
        {"text",      "txt",    100, false},
        { "text",     "60.txt", 60,  true },
        { "markdown", "md",     0,   false},
        { "html",     "html",   0,   false},
        { "json",     "json",   0,   false},
    };
    static struct court c;
    open_court(&c);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[PATH];
        struct err e = { 0 };
        AUTO(buf) struct buf text = { 0 };
        const struct cluster_page page = { .cluster = &c.cluster,
                                           .verdicts = c.by_node,
                                           .role_count = c.roles,
                                           .colour = rows[i].colour,
                                           .width = rows[i].width };
        if (cluster_page_render(&page, rows[i].format, &text, &e))
            fail_msg("%s", e.msg);
        (void)snprintf(path, sizeof path, "tests/golden/expected/cluster.%s", rows[i].suffix);
        compare(path, &text);
    }
    close_court(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_host_is_said_as_before),
        cmocka_unit_test(a_slow_host_is_said_as_before),
        cmocka_unit_test(a_stopped_run_is_said_as_before),
        cmocka_unit_test(a_robbed_host_is_said_as_before),
        cmocka_unit_test(a_cluster_is_said_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
