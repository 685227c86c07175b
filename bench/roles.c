#include "bench/roles.h"

#include <stdlib.h>
#include <string.h>

#include "bench/command.h"
#include "bench/watch.h"
#include "probes/probes.h"

enum {
    ROLES_MAX = 64
};

static const struct metric *roles_metric(const char *id, const void *arg)
{
    (void)arg;
    const struct metric *m = probes_metric(id, NULL);
    return m ? m : metric_find(watch_table(), id);
}

static const struct fact_row *roles_fact(const char *name, const void *arg)
{
    (void)arg;
    return probes_fact(name, NULL);
}

/* Counts *index down over one probe's names; the name at which it ran out, or NULL. */
static const char *roles_name_in(const struct metric *metrics, const struct fact_row *facts,
                                 unsigned *index)
{
    for (const struct metric *m = metrics; m && m->id; m++) {
        if ((*index)-- == 0)
            return m->id;
    }
    for (const struct fact_row *f = facts; f && f->name; f++) {
        if ((*index)-- == 0)
            return f->name;
    }
    return NULL;
}

static const char *roles_name(unsigned index, const void *arg)
{
    (void)arg;
    const char *name = roles_name_in(watch_table(), NULL, &index);
    for (unsigned i = 0; !name && probes_all[i]; i++)
        name = roles_name_in(probes_all[i]->metrics, probes_all[i]->facts, &index);
    return name;
}

static const struct profile_known roles_declared = { .metric = roles_metric,
                                                     .fact = roles_fact,
                                                     .name = roles_name };

const struct profile_known *roles_known(void)
{
    return &roles_declared;
}

static int roles_unknown(const char *role, struct err *e)
{
    const char *names[ROLES_MAX + 1] = { 0 };
    for (unsigned i = 0; i < ROLES_MAX && profile_embedded[i].role; i++)
        names[i] = profile_embedded[i].role;
    const char *near = opt_nearest(role, names);
    return err_set(e, ERR_USAGE, 0, "unknown role '%s'%s%s%s; 'plimsoll list roles' shows all",
                   role, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static struct profile *roles_find(const struct roles *r, const char *role)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->profiles[i].role && strcmp(r->profiles[i].role, role) == 0)
            return &r->profiles[i];
    }
    return NULL;
}

static int roles_add_embedded(struct roles *r, const struct profile_embedded *p, struct err *e)
{
    struct profile *room = &r->profiles[r->count];
    if (profile_parse(p->text, p->size, p->role, &roles_declared, room, e))
        return -1;
    r->count++;
    return 0;
}

static int roles_add_named(struct roles *r, const char *role, struct err *e)
{
    if (roles_find(r, role))
        return 0;
    for (unsigned i = 0; profile_embedded[i].role; i++) {
        if (strcmp(profile_embedded[i].role, role) == 0)
            return roles_add_embedded(r, &profile_embedded[i], e);
    }
    return roles_unknown(role, e);
}

static int roles_add_file(struct roles *r, const char *path, struct err *e)
{
    struct profile p = { 0 };
    if (profile_load(path, &roles_declared, &p, e))
        return -1;
    if (roles_find(r, p.role)) {
        int failed =
            err_set(e, ERR_USAGE, 0, "--profile '%s': role '%s' is given twice", path, p.role);
        profile_release(&p);
        return failed;
    }
    r->profiles[r->count++] = p;
    return 0;
}

int roles_load(const struct roles_conf *conf, struct roles *r, struct err *e)
{
    *r = (struct roles){ .named = conf->roles.count + conf->profiles.count > 0 };
    r->profiles = calloc(ROLES_MAX + 2 * OPT_LIST_MAX, sizeof *r->profiles);
    if (!r->profiles)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the profiles");
    for (unsigned i = 0; i < conf->profiles.count; i++) {
        if (roles_add_file(r, conf->profiles.items[i], e))
            return -1;
    }
    for (unsigned i = 0; i < conf->roles.count; i++) {
        if (roles_add_named(r, conf->roles.items[i], e))
            return -1;
    }
    for (unsigned i = 0; !r->named && profile_embedded[i].role; i++) {
        if (roles_add_embedded(r, &profile_embedded[i], e))
            return -1;
    }
    return 0;
}

void roles_release(struct roles *r)
{
    for (unsigned i = 0; i < r->count; i++)
        profile_release(&r->profiles[i]);
    free(r->profiles);
    *r = (struct roles){ 0 };
}

int roles_judge(const struct roles *r, const struct document *d, bool strict, struct verdicts *v,
                struct err *e)
{
    *v = (struct verdicts){ .items = calloc(r->count + 1, sizeof *v->items) };
    if (!v->items)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the verdicts");
    for (; v->count < r->count; v->count++) {
        if (verdict_of(&r->profiles[v->count], d, strict, &v->items[v->count], e))
            return -1;
    }
    return 0;
}

void roles_release_verdicts(struct verdicts *v)
{
    for (unsigned i = 0; i < v->count; i++)
        verdict_release(&v->items[i]);
    free(v->items);
    *v = (struct verdicts){ 0 };
}

int roles_exit_status(const struct roles *r, const struct verdicts *v)
{
    static const int status[] = {
        [GRADE_FIT] = EXIT_STATUS_FIT,
        [GRADE_MARGINAL] = EXIT_STATUS_MARGINAL,
        [GRADE_UNFIT] = EXIT_STATUS_UNFIT,
        [GRADE_UNKNOWN] = EXIT_STATUS_UNKNOWN,
    };
    enum grade sum = v->count ? v->items[0].grade : GRADE_UNKNOWN;
    for (unsigned i = 1; i < v->count; i++) {
        sum = r->named ? grade_worse(sum, v->items[i].grade) : grade_better(sum, v->items[i].grade);
    }
    return status[sum];
}
