#include "probes/net/flow.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADS = FLOW_MAX * 2
};

int flow_table_open(struct flow_table *t, uint64_t seed, struct err *e)
{
    *t = (struct flow_table){ .seed = seed };
    t->items = calloc(FLOW_MAX + 1, sizeof *t->items);
    t->heads = calloc(HEADS, sizeof *t->heads);
    if (!t->items || !t->heads)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the connections of a capture");
    return 0;
}

void flow_table_release(struct flow_table *t)
{
    free(t->items);
    free(t->heads);
    t->items = NULL;
    t->heads = NULL;
}

static int compare(const struct dissect_end *a, const struct dissect_end *b)
{
    int order = memcmp(a->address, b->address, sizeof a->address);
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint32_t hash(const struct flow_table *t, const struct dissect_end ends[2])
{
    uint64_t h = t->seed;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t words[2];
        memcpy(words, ends[i].address, sizeof words);
        h = mix(mix(mix(h, words[0]), words[1]), ends[i].port);
    }
    return (uint32_t)(h >> 16) % HEADS;
}

static void unlink_age(struct flow_table *t, struct flow *f)
{
    *(f->newer ? &t->items[f->newer].older : &t->newest) = f->older;
    *(f->older ? &t->items[f->older].newer : &t->oldest) = f->newer;
}

static void link_newest(struct flow_table *t, uint32_t index)
{
    struct flow *f = &t->items[index];
    f->older = t->newest;
    f->newer = 0;
    *(t->newest ? &t->items[t->newest].newer : &t->oldest) = index;
    t->newest = index;
}

unsigned flow_server(const struct flow *f)
{
    if (f->track.caller != TRACK_CALLER_UNKNOWN)
        return 1 - f->track.caller;
    return f->ends[1].port < f->ends[0].port;
}

static uint64_t row_samples(const struct flow_row *row)
{
    return row->rtts[0].n + row->rtts[1].n;
}

/* Puts a connection on the board if it has more samples than the last there. */
static void tell(struct flow_table *t, const struct flow *f)
{
    uint64_t n = f->rtts[0].total + f->rtts[1].total;
    unsigned at = t->board_count;
    while (at > 0 && row_samples(&t->board[at - 1]) < n)
        at--;
    if (at == FLOW_BOARD || n == 0)
        return;
    t->board_count += t->board_count < FLOW_BOARD;
    memmove(&t->board[at + 1], &t->board[at], (t->board_count - at - 1) * sizeof *t->board);
    struct flow_row *row = &t->board[at];
    *row = (struct flow_row){
        .ends = {f->ends[0], f->ends[1]},
        .version = f->version,
        .server = flow_server(f),
        .segments = f->segments,
        .again = f->again
    };
    for (unsigned i = 0; i < 2; i++)
        row->rtts[i] = (struct flow_rtts){ .n = f->rtts[i].total,
                                           .p50_ns = sketch_quantile(&f->rtts[i], 0.5),
                                           .p99_ns = sketch_quantile(&f->rtts[i], 0.99) };
}

static void settle(struct flow_table *t, const struct flow *f)
{
    bool both = f->track.sides[0].seen && f->track.sides[1].seen;
    t->two_sided += both;
    t->one_sided += !both;
    tell(t, f);
}

static void evict(struct flow_table *t, struct ackrtt_pool *p, uint32_t index)
{
    struct flow *f = &t->items[index];
    settle(t, f);
    t->evicted++;
    track_reset(&f->track, p);
    unlink_age(t, f);
    uint32_t *link = &t->heads[hash(t, f->ends)];
    while (*link != index)
        link = &t->items[*link].chain;
    *link = f->chain;
}

static uint32_t make(struct flow_table *t, struct ackrtt_pool *p)
{
    if (t->count < FLOW_MAX)
        return ++t->count;
    uint32_t index = t->oldest;
    evict(t, p, index);
    memset(&t->items[index], 0, sizeof t->items[index]);
    return index;
}

struct flow *flow_find(struct flow_table *t, struct ackrtt_pool *p, const struct dissect_segment *s,
                       unsigned *side)
{
    *side = compare(&s->from, &s->to) > 0;
    struct dissect_end ends[2] = { *side ? s->to : s->from, *side ? s->from : s->to };
    uint32_t bucket = hash(t, ends);
    for (uint32_t i = t->heads[bucket]; i; i = t->items[i].chain) {
        struct flow *f = &t->items[i];
        if (f->version == s->version && compare(&f->ends[0], &ends[0]) == 0 &&
            compare(&f->ends[1], &ends[1]) == 0) {
            unlink_age(t, f);
            link_newest(t, i);
            return f;
        }
    }
    uint32_t index = make(t, p);
    struct flow *f = &t->items[index];
    f->ends[0] = ends[0];
    f->ends[1] = ends[1];
    f->version = s->version;
    f->track.caller = TRACK_CALLER_UNKNOWN;
    f->chain = t->heads[bucket];
    t->heads[bucket] = index;
    link_newest(t, index);
    return f;
}

void flow_table_close(struct flow_table *t)
{
    for (uint32_t i = 1; i <= t->count; i++)
        settle(t, &t->items[i]);
    t->count = 0;
}
