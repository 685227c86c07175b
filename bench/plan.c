#include "bench/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/limits.h"
#include "probes/kit/units.h"
#include "probes/net/bitrate.h"
#include "probes/net/peer.h"
#include "probes/net/secret.h"
#include "probes/probes.h"

static int plan_unknown_probe(const char *name, struct err *e)
{
    const char *names[LIMITS_MEASUREMENTS + 1] = { 0 };
    for (unsigned i = 0; probes_all[i]; i++)
        names[i] = probes_all[i]->name;
    const char *near = opt_nearest(name, names);
    return err_set(e, ERR_USAGE, 0, "unknown probe '%s'%s%s%s; 'plimsoll list probes' shows all",
                   name, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static bool plan_holds(const struct opt_list *names, const char *name)
{
    bool held = false;
    for (unsigned i = 0; i < names->count; i++)
        held = held || strcmp(names->items[i], name) == 0;
    return held;
}

/* Whether a probe that is asked for concludes from that one. */
static bool plan_is_ground(const struct opt_list *names, const char *name)
{
    bool ground = false;
    for (unsigned i = 0; i < names->count; i++) {
        const struct probe *p = probes_find(names->items[i]);
        for (const char *const *from = p->concludes_from; from && *from; from++)
            ground = ground || strcmp(*from, name) == 0;
    }
    return ground;
}

static bool plan_wants(const struct opt_list *names, const char *probe)
{
    return names->count == 0 || plan_holds(names, probe) || plan_is_ground(names, probe);
}

/* What takes minutes is not measured in a run of seconds, unless it is what was asked for. */
static void plan_leave_out(struct plan_item *item, const struct plan_wish *wish)
{
    char least[UNITS_TEXT_BYTES];
    char budget[UNITS_TEXT_BYTES];
    const struct probe *p = item->probe;
    if (wish->budget_ns >= p->budget_min_ns || plan_holds(wish->names, p->name))
        return;
    item->skipped = true;
    (void)units_format((double)p->budget_min_ns, UNIT_NS, least);
    (void)units_format((double)wish->budget_ns, UNIT_NS, budget);
    (void)snprintf(item->reason, sizeof item->reason,
                   "takes longer than this run of %s allows: give a --budget of %s or more, or "
                   "run 'plimsoll measure %s'",
                   budget, least, p->name);
}

static int plan_add(struct plan *p, const struct probe *probe, const struct plan_wish *wish,
                    unsigned place, struct err *e)
{
    struct plan_item *item = &p->items[p->count];
    if (p->count == LIMITS_MEASUREMENTS)
        return err_set(e, ERR_USAGE, 0, "more than %d measurements; name fewer probes or --dir",
                       LIMITS_MEASUREMENTS);
    *item = (struct plan_item){ .probe = probe, .place = place, .site = wish->sites[place] };
    item->conf = calloc(1, probe->conf_size ? probe->conf_size : 1);
    if (!item->conf)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the options of %s", probe->name);
    p->count++;
    if (probe->opts && opt_defaults(probe->opts, item->conf, probe->conf_size, e))
        return err_wrap(e, "options of %s", probe->name);
    plan_leave_out(item, wish);
    return 0;
}

/* The place a probe is for, of those there are: that of its name, else the first. */
static unsigned plan_place(const struct probe *probe, const struct plan_wish *wish)
{
    unsigned found = 0;
    for (unsigned i = 0; probe->place && i < wish->site_count; i++) {
        const char *name = wish->sites[i]->name;
        found = name && strcmp(name, probe->place) == 0 ? i : found;
    }
    return found;
}

static int plan_add_everywhere(struct plan *p, const struct probe *probe,
                               const struct plan_wish *wish, struct err *e)
{
    if (!(probe->needs & PROBE_NEEDS_EACH))
        return plan_add(p, probe, wish, plan_place(probe, wish), e);
    for (unsigned i = 0; i < wish->site_count; i++) {
        if (plan_add(p, probe, wish, i, e))
            return -1;
    }
    return 0;
}

static int plan_set_one(struct plan_item *item, const char *option, const char *value,
                        struct err *e)
{
    if (!item->probe->opts)
        return err_set(e, ERR_USAGE, 0, "%s has no options", item->probe->name);
    return opt_set(item->probe->opts, item->conf, option, value, e);
}

/* "disk.wal.record=8000": the probe is the longest name that fits before the last dot. */
static int plan_set(struct plan *p, const char *set, struct err *e)
{
    static const char form[] = "is not PROBE.OPTION=VALUE, as in disk.wal.record=8000";
    const char *equals = strchr(set, '=');
    char name[LIMITS_NAME_BYTES];
    if (!equals || (size_t)(equals - set) >= sizeof name)
        return err_set(e, ERR_USAGE, 0, "--set '%s' %s", set, form);
    memcpy(name, set, (size_t)(equals - set));
    name[equals - set] = '\0';
    char *dot = strrchr(name, '.');
    if (!dot)
        return err_set(e, ERR_USAGE, 0, "--set '%s' %s", set, form);
    *dot = '\0';
    if (!probes_find(name))
        return plan_unknown_probe(name, e) ? err_wrap(e, "--set '%s'", set) : -1;
    for (unsigned i = 0; i < p->count; i++) {
        struct plan_item *item = &p->items[i];
        if (strcmp(item->probe->name, name) == 0 && plan_set_one(item, dot + 1, equals + 1, e))
            return err_wrap(e, "--set '%s'", set);
    }
    return 0; /* also for a probe that is not measured now */
}

static int plan_say_twice(const char *text, const char *before, struct err *e)
{
    bool same = strcmp(text, before) == 0;
    return err_set(e, ERR_USAGE, 0, "--peer '%s' is there twice%s%s%s", text,
                   same ? "" : ", also as '", same ? "" : before, same ? "" : "'");
}

/* Whether it is a peer, and none of the `index` before it. */
static int plan_check_peer(const struct opt_list *peers, unsigned index, struct peer *checked,
                           struct err *e)
{
    struct peer *peer = &checked[index];
    if (peer_parse(peers->items[index], peer, e))
        return err_wrap(e, "--peer");
    for (unsigned i = 0; i < index; i++) {
        if (checked[i].port == peer->port && strcmp(checked[i].host, peer->host) == 0)
            return plan_say_twice(peers->items[index], peers->items[i], e);
    }
    return 0;
}

/* "node-b" and "node-b:862" are one. */
static int plan_check_peers(const struct opt_list *peers, struct err *e)
{
    struct peer *checked = calloc(peers->count + 1, sizeof *checked);
    if (!checked)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the peers");
    int failed = 0;
    for (unsigned i = 0; i < peers->count && !failed; i++)
        failed = plan_check_peer(peers, i, checked, e);
    free(checked);
    return failed;
}

static int plan_set_peer(struct plan *p, const char *peer, struct err *e)
{
    for (unsigned i = 0; i < p->count; i++) {
        struct plan_item *item = &p->items[i];
        if ((item->probe->needs & PROBE_NEEDS_PEER) &&
            opt_set(item->probe->opts, item->conf, "peer", peer, e)) {
            return err_wrap(e, "--peer '%s'", peer);
        }
    }
    return 0;
}

static int plan_set_peers(struct plan *p, const struct opt_list *peers, struct err *e)
{
    if (plan_check_peers(peers, e))
        return -1;
    for (unsigned i = 0; i < peers->count; i++) {
        if (plan_set_peer(p, peers->items[i], e))
            return -1;
    }
    return 0;
}

static int plan_set_services(struct plan *p, const struct opt_list *services, struct err *e)
{
    for (unsigned i = 0; services && i < services->count; i++) {
        for (unsigned k = 0; k < p->count; k++) {
            struct plan_item *item = &p->items[k];
            if ((item->probe->needs & PROBE_NEEDS_SERVICE) &&
                opt_set(item->probe->opts, item->conf, "to", services->items[i], e))
                return err_wrap(e, "--connect '%s'", services->items[i]);
        }
    }
    return 0;
}

static int plan_set_load(struct plan *p, const char *load, struct err *e)
{
    struct plan_item *item = plan_find(p, "net.load");
    uint64_t bytes_per_s;
    if (!load || !*load)
        return 0;
    if (bitrate_parse(load, &bytes_per_s, e))
        return err_wrap(e, "--load");
    return item && plan_set_one(item, "rate", load, e) ? err_wrap(e, "--load") : 0;
}

static bool plan_has_option(const struct plan_item *item, const char *name)
{
    bool has = false;
    for (const struct opt *o = item->probe->opts; o && o->type != OPT_TYPE_END; o++)
        has = has || strcmp(o->name, name) == 0;
    return has;
}

/* Of all that have a key; --set may give one of them another. */
static int plan_set_key_file(struct plan *p, const char *path, struct err *e)
{
    for (unsigned i = 0; path && *path && i < p->count; i++) {
        struct plan_item *item = &p->items[i];
        if (plan_has_option(item, SECRET_OPTION_NAME) &&
            plan_set_one(item, SECRET_OPTION_NAME, path, e))
            return err_wrap(e, "--" SECRET_OPTION_NAME);
    }
    return 0;
}

int plan_give(struct plan_item *item, const char *name, const char *text, struct err *e)
{
    return text && *text ? opt_set(item->probe->opts, item->conf, name, text, e) : 0;
}

int plan_make(const struct plan_wish *wish, struct plan *p, struct err *e)
{
    *p = (struct plan){ 0 };
    for (unsigned i = 0; i < wish->names->count; i++) {
        if (!probes_find(wish->names->items[i]))
            return plan_unknown_probe(wish->names->items[i], e);
    }
    for (unsigned i = 0; probes_all[i]; i++) {
        if (plan_wants(wish->names, probes_all[i]->name) &&
            plan_add_everywhere(p, probes_all[i], wish, e))
            return -1;
    }
    if (plan_set_key_file(p, wish->key_file, e))
        return -1;
    for (unsigned i = 0; i < wish->sets->count; i++) {
        if (plan_set(p, wish->sets->items[i], e))
            return -1;
    }
    if (plan_set_services(p, wish->services, e) || plan_set_load(p, wish->load, e))
        return -1;
    return plan_set_peers(p, wish->peers, e);
}

void plan_release(struct plan *p)
{
    for (unsigned i = 0; i < p->count; i++)
        free(p->items[i].conf);
    *p = (struct plan){ 0 };
}

struct plan_item *plan_find(struct plan *p, const char *probe)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].probe->name, probe) == 0)
            return &p->items[i];
    }
    return NULL;
}

uint64_t plan_slot_ns(const struct plan *p, unsigned index, uint64_t left_ns)
{
    unsigned weight = p->items[index].probe->weight;
    uint64_t total = 0;
    for (unsigned i = index; i < p->count; i++)
        total += p->items[i].skipped || p->items[i].left_out ? 0 : p->items[i].probe->weight;
    if (weight == 0 || total == 0)
        return BENCH_ONCE_NS;
    uint64_t slot = (uint64_t)((double)left_ns * weight / (double)total);
    return slot < BENCH_SLOT_NS_MIN ? BENCH_SLOT_NS_MIN : slot;
}

/* Its slot, which *left_ns is less by afterwards. */
static uint64_t plan_take_ns(const struct plan *p, unsigned index, uint64_t *left_ns)
{
    uint64_t slot = plan_slot_ns(p, index, *left_ns);
    *left_ns -= p->items[index].probe->weight && slot < *left_ns ? slot : 0;
    return slot;
}

void plan_schedule(struct plan *p, uint64_t left_ns)
{
    for (unsigned i = 0; i < p->count; i++)
        p->items[i].planned_ns = p->items[i].skipped ? 0 : plan_take_ns(p, i, &left_ns);
}

struct probe_cost plan_cost(const struct plan *p, uint64_t left_ns)
{
    struct probe_cost sum = { 0 };
    for (unsigned i = 0; i < p->count; i++) {
        const struct plan_item *item = &p->items[i];
        struct probe_cost cost = { 0 };
        struct err ignored;
        if (item->skipped)
            continue;
        uint64_t slot = plan_take_ns(p, i, &left_ns);
        if (item->probe->estimate &&
            !item->probe->estimate(item->site, item->conf, slot, &cost, &ignored)) {
            sum.write_bytes += cost.write_bytes;
            sum.packets += cost.packets;
        }
    }
    return sum;
}

/* With all the time for itself; nothing for a probe that is never measured twice. */
static struct probe_cost plan_cost_alone(const struct plan_item *item, uint64_t slot_ns)
{
    struct probe_cost cost = { 0 };
    struct err ignored;
    if (item->skipped || item->once || !item->probe->estimate ||
        item->probe->estimate(item->site, item->conf, slot_ns, &cost, &ignored)) {
        return (struct probe_cost){ 0 };
    }
    return cost;
}

struct probe_cost plan_cost_again(const struct plan *p, uint64_t left_ns, unsigned most)
{
    struct probe_cost sum = { 0 };
    bool taken[LIMITS_MEASUREMENTS] = { false };
    for (; most > 0; most--) {
        unsigned dearest = 0;
        uint64_t bytes = 0;
        for (unsigned i = 0; i < p->count; i++) {
            struct probe_cost cost = plan_cost_alone(&p->items[i], left_ns);
            if (!taken[i] && cost.write_bytes > bytes) {
                dearest = i;
                bytes = cost.write_bytes;
            }
        }
        taken[dearest] = bytes > 0;
        sum.write_bytes += bytes;
    }
    for (unsigned i = 0; i < p->count; i++)
        sum.packets += plan_cost_alone(&p->items[i], left_ns).packets;
    return sum;
}
