#include "probes/kit/hist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int hist_open(struct hist *h, uint64_t value_max, struct err *e)
{
    uint32_t size = hist_index(value_max) + 1;
    *h = (struct hist){ .size = size, .value_max = value_max, .min = UINT64_MAX };
    h->counts = calloc(size, sizeof *h->counts);
    if (!h->counts) {
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a histogram of %u counts", size);
    }
    return 0;
}

void hist_release(struct hist *h)
{
    free(h->counts);
    *h = (struct hist){ 0 };
}

uint32_t hist_first(const struct hist *h)
{
    return h->total ? hist_index(h->min < h->value_max ? h->min : h->value_max) : 1;
}

uint32_t hist_last(const struct hist *h)
{
    return h->total ? hist_index(h->max < h->value_max ? h->max : h->value_max) : 0;
}

void hist_clear(struct hist *h)
{
    for (uint32_t i = hist_first(h), last = hist_last(h); i <= last; i++) {
        if (h->counts[i]) { /* reading leaves untouched pages unmapped */
            h->counts[i] = 0;
        }
    }
    h->total = h->clamped = h->max = 0;
    h->min = UINT64_MAX;
    h->sum = 0;
}

uint64_t hist_lowest(uint32_t index)
{
    if (index < HIST_SUB_BUCKETS) {
        return index;
    }
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
    if (rank >= h->total) {
        return h->max;
    }
    for (uint32_t i = hist_first(h), last = hist_last(h); i <= last; i++) {
        uint64_t count = hist_count(h, i);
        seen += count;
        if (seen >= rank && count) {
            uint64_t value = hist_highest(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

/* ceil(q * total), but 7 and not 8 for 0.07 * 100, which is 7.000000000000001 in binary. */
uint64_t hist_rank(double q, uint64_t total)
{
    double product = q * (double)total;
    double near = nearbyint(product);
    double exact = fabs(product - near) <= near * 4 * DBL_EPSILON ? near : ceil(product);
    if (!(exact >= 1)) {
        return 1;
    }
    return exact >= (double)total ? total : (uint64_t)exact;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
    return h->total ? hist_value_at_rank(h, hist_rank(q, h->total)) : 0;
}

double hist_mean(const struct hist *h)
{
    return h->total ? h->sum / (double)h->total : NAN;
}

uint64_t hist_count_above(const struct hist *h, uint64_t bound)
{
    uint64_t count = 0;
    if (bound >= h->value_max || hist_index(bound) == hist_index(h->value_max)) {
        return bound < h->max ? h->clamped : 0;
    }
    for (uint32_t i = hist_index(bound) + 1, last = hist_last(h); i <= last; i++) {
        count += hist_count(h, i);
    }
    return count;
}

void hist_merge(struct hist *dst, const struct hist *src)
{
    if (src->total == 0) {
        return;
    }
    for (uint32_t i = hist_first(src), last = hist_last(src); i <= last; i++) {
        uint64_t count = hist_count(src, i);
        if (count) { /* reading leaves untouched pages unmapped, in both */
            dst->counts[i - dst->base] += count;
        }
    }
    dst->total += src->total;
    dst->clamped += src->clamped;
    dst->sum += src->sum;
    dst->min = src->min < dst->min ? src->min : dst->min;
    dst->max = src->max > dst->max ? src->max : dst->max;
}

/*
 * Room from first to last, at least; what it holds stays. In whole steps of twice the value: what
 * one leaves the next can take, where each of thousands would want a few bytes more.
 */
static int hist_widen(struct hist *h, uint32_t first, uint32_t last, struct err *e)
{
    if (h->counts && first >= h->base && last - h->base < h->size) {
        return 0;
    }
    uint32_t base = first / HIST_SUB_HALF * HIST_SUB_HALF;
    uint32_t end = (last / HIST_SUB_HALF + 1) * HIST_SUB_HALF;
    if (h->counts) {
        base = h->base < base ? h->base : base;
        end = h->base + h->size > end ? h->base + h->size : end;
    }
    uint64_t *counts = calloc(end - base, sizeof *counts);
    if (!counts) {
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a histogram of %u counts", end - base);
    }
    if (h->counts) {
        memcpy(counts + (h->base - base), h->counts, h->size * sizeof *counts);
    }
    free(h->counts);
    h->counts = counts;
    h->base = base;
    h->size = end - base;
    return 0;
}

int hist_make_room(struct hist *h, struct err *e)
{
    return h->total ? hist_widen(h, hist_first(h), hist_last(h), e) : 0;
}

int hist_pour(struct hist *dst, const struct hist *src, struct err *e)
{
    if (src->total == 0) {
        return 0;
    }
    if (!dst->counts) {
        *dst = (struct hist){ .value_max = src->value_max, .min = UINT64_MAX };
    }
    if (dst->value_max != src->value_max) {
        return err_set(e, ERR_DATA, 0, "histograms up to %llu and up to %llu cannot be joined",
                       (unsigned long long)dst->value_max, (unsigned long long)src->value_max);
    }
    if (hist_widen(dst, hist_first(src), hist_last(src), e)) {
        return -1;
    }
    hist_merge(dst, src);
    return 0;
}
