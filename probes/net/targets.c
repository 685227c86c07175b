#include "probes/net/targets.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "probes/kit/clk.h"

int targets_check(const struct opt_list *names, const char *how, struct err *e)
{
    struct peer peer;
    if (names->count == 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "%s", how);
    for (unsigned i = 0; i < names->count; i++) {
        if (peer_parse(names->items[i], &peer, e))
            return -1;
    }
    return 0;
}

static bool is_name(const struct peer *p)
{
    struct in_addr v4;
    return inet_pton(AF_INET, p->host, &v4) != 1 && !strchr(p->host, ':');
}

static int resolve(struct target *t, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (peer_parse(t->name, &t->peer, e) || peer_resolve(&t->peer, false, &t->all, e))
        return -1;
    t->by_name = is_name(&t->peer);
    t->resolve_ns = clk_now_ns() - began_ns;
    t->resolved = true;
    return 0;
}

int targets_open(struct targets *t, struct probe_run *run, const struct opt_list *names,
                 struct err *e)
{
    unsigned resolved = 0;
    if (run->split(run, names->items, names->count, e))
        return -1;
    *t = (struct targets){ .items = calloc(names->count + 1, sizeof *t->items) };
    if (!t->items)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the names of %u nodes", names->count);
    for (; t->count < names->count; t->count++) {
        struct target *one = &t->items[t->count];
        one->name = names->items[t->count];
        if (*run->stopping)
            return err_set(e, ERR_INTERRUPTED, 0, "interrupted before all names were resolved");
        if (resolve(one, e))
            result_set_status(run->parts[t->count].result, STATUS_FAILED, "%s", e->msg);
        resolved += one->resolved;
    }
    return resolved ? 0 : -1; /* *e is the last one's */
}

void targets_release(struct targets *t)
{
    free(t->items);
    *t = (struct targets){ 0 };
}

const union peer_sockaddr *targets_address(const struct target *t)
{
    return &t->all.items[t->using];
}

bool targets_another(struct target *t)
{
    if (t->using + 1 >= t->all.count)
        return false;
    t->using ++;
    return true;
}
