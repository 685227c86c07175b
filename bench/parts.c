#include "bench/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void parts_release_one(struct probe_part *part)
{
    for (unsigned i = 0; part->hists && part->result && i < part->result->metric_count; i++)
        hist_release(&part->hists[i]);
    free(part->hists);
    free(part->values);
    free(part->observed_ns);
    if (part->result)
        result_release(part->result);
    free(part->result);
}

void parts_release(struct parts *p)
{
    for (unsigned i = 0; i < p->count; i++)
        parts_release_one(&p->items[i]);
    free(p->items);
    *p = (struct parts){ 0 };
}

static int parts_open_rows(struct probe_part *part, const struct probe *probe, struct err *e)
{
    unsigned rows = part->result->metric_count;
    part->hists = calloc(rows + 1, sizeof *part->hists);
    part->values = calloc(rows + 1, sizeof *part->values);
    part->observed_ns = calloc(rows + 1, sizeof *part->observed_ns);
    if (!part->hists || !part->values || !part->observed_ns)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the results of %s", probe->name);
    for (unsigned i = 0; i < rows; i++) {
        if (probe->metrics[i].kind == METRIC_HIST &&
            hist_open(&part->hists[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    return 0;
}

/* Room is there. */
static int parts_add(struct parts *p, const struct probe *probe, struct err *e)
{
    struct probe_part *part = &p->items[p->count++]; /* counted: it is released half-made too */
    *part = (struct probe_part){ .result = calloc(1, sizeof *part->result) };
    if (!part->result)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the results of %s", probe->name);
    return result_open(part->result, probe->name, probe->title, probe->metrics, e)
               ? -1
               : parts_open_rows(part, probe, e);
}

int parts_open(struct parts *p, const struct probe *probe, struct err *e)
{
    *p = (struct parts){ .items = calloc(1, sizeof *p->items) };
    if (!p->items)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the results of %s", probe->name);
    return parts_add(p, probe, e);
}

static int parts_refuse(const struct parts *p, const char *const *names, unsigned count,
                        struct err *e)
{
    if (p->count != 1 || p->items[0].result->peer[0])
        return err_set(e, ERR_USAGE, 0, "its peers were named already");
    if (count == 0 || count > LIMITS_PEERS)
        return err_set(e, ERR_USAGE, 0, "%u peers; name 1 to %d", count, LIMITS_PEERS);
    for (unsigned i = 0; i < count; i++) {
        if (!names[i][0] || strlen(names[i]) >= LIMITS_PEER_BYTES)
            return err_set(e, ERR_USAGE, 0, "peer '%.80s': a name has 1 to %d bytes", names[i],
                           LIMITS_PEER_BYTES - 1);
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(names[i], names[k]) == 0)
                return err_set(e, ERR_USAGE, 0, "peer '%s' is named twice", names[i]);
        }
    }
    return 0;
}

/* The more peers, the fewer blocks: memory is for all of them together. An even number. */
static unsigned parts_blocks(unsigned count)
{
    unsigned most = LIMITS_PART_BLOCKS / count / 2 * 2;
    if (most < 2)
        return 2;
    return most < LIMITS_BLOCKS ? most : LIMITS_BLOCKS;
}

static void parts_name(struct result *r, const struct result *like, const char *name,
                       unsigned count)
{
    memcpy(r->peer, name, strlen(name) + 1);
    r->seed = like->seed;
    r->started_ns = like->started_ns;
    r->rounds = like->rounds;
    for (unsigned i = 0; i < r->metric_count; i++)
        r->metrics[i].block_most = parts_blocks(count);
    json_t *own = json_copy(like->parameters);
    if (own && json_object_get(own, "peer"))
        (void)json_object_set_new(own, "peer", json_pack("[s]", name));
    json_decref(r->parameters);
    r->parameters = own;
}

int parts_split(struct parts *p, const struct probe *probe, const char *const *names,
                unsigned count, struct err *e)
{
    if (parts_refuse(p, names, count, e))
        return err_wrap(e, "%s", probe->name);
    struct probe_part *items = reallocarray(p->items, count, sizeof *items);
    if (!items)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the results of %s", probe->name);
    p->items = items;
    while (p->count < count) {
        if (parts_add(p, probe, e))
            return -1;
    }
    for (unsigned i = count; i-- > 0;) /* the first last: the others are like it */
        parts_name(items[i].result, items[0].result, names[i], count);
    return 0;
}

void parts_clear(struct parts *p, const struct probe *probe)
{
    for (unsigned k = 0; k < p->count; k++) {
        struct probe_part *part = &p->items[k];
        for (unsigned i = 0; i < part->result->metric_count; i++) {
            if (probe->metrics[i].kind == METRIC_HIST)
                hist_clear(&part->hists[i]);
            part->values[i] = NAN;
            part->observed_ns[i] = 0;
        }
    }
}

static uint64_t parts_samples(enum metric_kind kind, const struct hist *h, double value)
{
    if (kind == METRIC_HIST)
        return h->total;
    return kind == METRIC_EVENTS ? (uint64_t)value : 1;
}

static int parts_keep_row(struct probe_part *part, unsigned i, uint64_t at_ns, uint64_t length_ns,
                          struct err *e)
{
    struct result_metric *m = &part->result->metrics[i];
    const struct hist *h = &part->hists[i];
    bool is_hist = m->kind == METRIC_HIST;
    if (is_hist ? h->total == 0 : isnan(part->values[i]))
        return 0;
    uint64_t observed_ns = part->observed_ns[i];
    struct result_block block = {
        .at_ns = at_ns,
        .observed_ns = observed_ns ? observed_ns : length_ns,
        .value = is_hist ? NAN : part->values[i],
        .n = parts_samples(m->kind, h, part->values[i]),
    };
    if (is_hist)
        block.hist = *h;
    return result_add_block(m, &block, e);
}

int parts_keep(struct parts *p, uint64_t at_ns, uint64_t length_ns, struct err *e)
{
    for (unsigned k = 0; k < p->count; k++) {
        struct probe_part *part = &p->items[k];
        for (unsigned i = 0; i < part->result->metric_count; i++) {
            if (parts_keep_row(part, i, at_ns, length_ns, e))
                return -1;
        }
    }
    return 0;
}
