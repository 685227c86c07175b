#include <stdlib.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/roles.h"
#include "bench/say.h"
#include "bench/watch.h"
#include "probes/kit/auto.h"
#include "probes/probes.h"

struct list_conf {
    bool unused; /* a table of no options still has a struct */
};

static const struct opt list_opts[] = { OPT_END };

static int list_probes(struct buf *out, struct err *e)
{
    (void)e;
    for (unsigned i = 0; probes_all[i]; i++)
        buf_addf(out, "%-16s %s\n", probes_all[i]->name, probes_all[i]->title);
    return 0;
}

static void list_table(struct buf *out, const struct metric *m)
{
    for (; m && m->id; m++)
        buf_addf(out, "%-24s %-8s %-10s %s\n", m->id, units_name(m->unit),
                 metric_kind_name(m->kind), m->what);
}

static int list_metrics(struct buf *out, struct err *e)
{
    (void)e;
    for (unsigned i = 0; probes_all[i]; i++)
        list_table(out, probes_all[i]->metrics);
    list_table(out, watch_table());
    return 0;
}

static int list_facts(struct buf *out, struct err *e)
{
    (void)e;
    for (unsigned i = 0; probes_all[i]; i++) {
        for (const struct fact_row *f = probes_all[i]->facts; f && f->name; f++)
            buf_addf(out, "%-28s %s\n", f->name, f->what);
    }
    return 0;
}

static int list_roles(struct buf *out, struct err *e)
{
    struct roles roles = { 0 };
    struct roles_conf none = { 0 };
    int failed = roles_load(&none, &roles, e);
    for (unsigned i = 0; !failed && i < roles.count; i++)
        buf_addf(out, "%-26s %s\n", roles.profiles[i].role, roles.profiles[i].title);
    roles_release(&roles);
    return failed;
}

static const struct list_kind {
    const char *name;
    int (*list)(struct buf *out, struct err *e);
} list_kinds[] = {
    {"probes",   list_probes },
    { "metrics", list_metrics},
    { "facts",   list_facts  },
    { "roles",   list_roles  },
};

enum {
    LIST_KINDS = sizeof list_kinds / sizeof list_kinds[0]
};

static int list_all(const char *wanted, struct buf *out, struct err *e)
{
    bool found = false;
    for (unsigned i = 0; i < LIST_KINDS; i++) {
        if (wanted && strcmp(wanted, list_kinds[i].name) != 0)
            continue;
        found = true;
        if (!wanted)
            buf_addf(out, "%s%s:\n", i ? "\n" : "", list_kinds[i].name);
        if (list_kinds[i].list(out, e))
            return -1;
    }
    return found ? 0
                 : err_set(e, ERR_USAGE, 0,
                           "list: unknown kind '%s'; known are probes, metrics, facts and roles",
                           wanted);
}

static int list_run(const void *conf, const struct opt_list *operands)
{
    (void)conf;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    if (operands->count > 1)
        return say_usage("list: takes one kind, but '%s' was given too", operands->items[1]);
    if (list_all(operands->count ? operands->items[0] : NULL, &out, &e) || say_out(&out, &e))
        return say_error(&e);
    return EXIT_STATUS_FIT;
}

const struct command cmd_list = {
    .name = "list",
    .summary = "list probes, metrics, facts and roles",
    .operands = "[probes|metrics|facts|roles]",
    .opts = list_opts,
    .conf_size = sizeof(struct list_conf),
    .run = list_run,
    .about = "Lists everything that can be measured or judged, one a line.",
};
