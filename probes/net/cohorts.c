#include "probes/net/cohorts.h"

/* Sequences wrap; neighbours are less than 2^31 apart. */
static int32_t after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static void halve(struct cohorts *c)
{
    unsigned pairs = c->count / 2;
    for (size_t i = 0; i < pairs; i++) {
        const struct cohort *second = &c->items[2 * i + 1];
        c->items[i] = c->items[2 * i];
        c->items[i].lost += second->lost;
    }
    c->count = pairs;
    c->in_last = c->each * 2;
    c->each *= 2;
}

void cohorts_begin(struct cohorts *c, uint32_t first, uint64_t at_ns)
{
    if (c->each == 0)
        c->each = 1;
    if (c->count == LIMITS_BLOCKS && c->in_last == c->each)
        halve(c);
    if (c->count > 0 && c->in_last < c->each) {
        c->in_last++;
        return;
    }
    c->items[c->count++] = (struct cohort){ .first = first, .at_ns = at_ns };
    c->in_last = 1;
}

void cohorts_lost(struct cohorts *c, uint32_t sequence)
{
    for (unsigned i = c->count; i-- > 0;) {
        if (after(sequence, c->items[i].first) >= 0) {
            c->items[i].lost++;
            return;
        }
    }
}

void cohorts_finish(struct cohorts *c, uint32_t end, uint64_t end_ns)
{
    while (c->count > 0 && after(end, c->items[c->count - 1].first) <= 0)
        c->count--;
    for (unsigned i = 0; i < c->count; i++) {
        struct cohort *item = &c->items[i];
        const struct cohort *next = i + 1 < c->count ? item + 1 : NULL;
        uint64_t until_ns = next ? next->at_ns : end_ns;
        item->sent = (next ? next->first : end) - item->first;
        item->length_ns = until_ns > item->at_ns ? until_ns - item->at_ns : 0;
    }
    if (c->count < 2)
        return;
    const struct cohort *last = &c->items[c->count - 1];
    struct cohort *before = &c->items[c->count - 2];
    if (last->sent * 2 >= before->sent)
        return;
    before->sent += last->sent;
    before->lost += last->lost;
    before->length_ns += last->length_ns;
    c->count--;
}
