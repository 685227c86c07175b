#include "probes/kit/hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int hist_open(struct hist *h, uint64_t value_max, struct err *e)
{
    uint32_t size = hist_index(value_max) + 1;
    *h = (struct hist){ .size = size, .value_max = value_max, .min = UINT64_MAX };
    h->counts = calloc(size, sizeof *h->counts);
    if (!h->counts)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a histogram of %u counts", size);
    return 0;
}

void hist_release(struct hist *h)
{
    free(h->counts);
    *h = (struct hist){ 0 };
}

void hist_clear(struct hist *h)
{
    for (uint32_t i = 0; h->total && i < h->size; i++) {
        if (h->counts[i]) /* reading leaves untouched pages unmapped */
            h->counts[i] = 0;
    }
    h->total = h->clamped = h->max = 0;
    h->min = UINT64_MAX;
    h->sum = 0;
}

uint64_t hist_lowest(uint32_t index)
{
    if (index < HIST_SUB_BUCKETS)
        return index;
    uint32_t shift = (index >> HIST_SUB_HALF_BITS) - 1;
    return (uint64_t)(index - (shift << HIST_SUB_HALF_BITS)) << shift;
}

uint64_t hist_highest(uint32_t index)
{
    return hist_lowest(index + 1) - 1;
}

uint64_t hist_value_at_rank(const struct hist *h, uint64_t rank)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < h->size; i++) {
        if (!h->counts[i])
            continue;
        seen += h->counts[i];
        if (seen >= rank) {
            uint64_t value = hist_highest(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
    if (h->total == 0)
        return 0;
    double exact = ceil(q * (double)h->total);
    uint64_t rank = exact < 1 ? 1 : (uint64_t)exact;
    return hist_value_at_rank(h, rank > h->total ? h->total : rank);
}

double hist_mean(const struct hist *h)
{
    return h->total ? h->sum / (double)h->total : NAN;
}

uint64_t hist_count_above(const struct hist *h, uint64_t bound)
{
    uint64_t count = 0;
    uint32_t from = bound >= h->value_max ? h->size : hist_index(bound) + 1;
    for (uint32_t i = from; i < h->size; i++)
        count += h->counts[i];
    return count;
}

void hist_merge(struct hist *dst, const struct hist *src)
{
    for (uint32_t i = 0; i < src->size && i < dst->size; i++) {
        if (src->counts[i])
            dst->counts[i] += src->counts[i];
    }
    dst->total += src->total;
    dst->clamped += src->clamped;
    dst->sum += src->sum;
    dst->min = src->min < dst->min ? src->min : dst->min;
    dst->max = src->max > dst->max ? src->max : dst->max;
}
