/*
 * hist: a log-linear histogram with HDR semantics, three significant decimal digits.
 *
 * Values are uint64_t in the metric's base unit (nanoseconds). A recorded value is known to 1/1024,
 * the width of a bucket (2048 sub-buckets, so that three decimal digits hold). hist_open allocates
 * once; recording never allocates. Not thread-safe: one histogram per thread, then hist_merge.
 * What is kept is poured out of it, into one that has counts for its own range of values alone.
 * SOURCE: layout and V2 encoding of HdrHistogram (G. Tene), so that its tools read our documents.
 */
#ifndef PROBES_KIT_HIST_H
#define PROBES_KIT_HIST_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

enum {
    HIST_DIGITS = 3,
    HIST_SUB_BUCKETS = 2048,
    HIST_SUB_HALF = 1024,
    HIST_SUB_HALF_BITS = 10
};

struct hist {
    uint64_t *counts;   /* owned; NULL when closed */
    uint32_t base;      /* index of the first of them; not 0 in one that was poured into */
    uint32_t size;      /* counts allocated */
    uint64_t value_max; /* largest value that fits; larger ones are recorded there and clamped */
    uint64_t total;     /* values recorded */
    uint64_t clamped;   /* of these, above value_max */
    uint64_t min;       /* exact; UINT64_MAX while empty */
    uint64_t max;       /* exact, also of clamped values */
    double sum;         /* of the exact values */
};

enum {
    HIST_TEN_MINUTES_BITS = 40
}; /* 2^40 ns is 18 minutes: the usual value_max */

int hist_open(struct hist *h, uint64_t value_max, struct err *e)
    __attribute__((warn_unused_result));
void hist_release(struct hist *h); /* idempotent */
void hist_clear(struct hist *h);

static inline uint32_t hist_index(uint64_t value)
{
    if (value < HIST_SUB_BUCKETS) {
        return (uint32_t)value;
    }
    uint32_t shift = 63U - (uint32_t)__builtin_clzll(value) - HIST_SUB_HALF_BITS;
    return (shift << HIST_SUB_HALF_BITS) + (uint32_t)(value >> shift);
}

static inline void hist_record_n(struct hist *h, uint64_t value, uint64_t count)
{
    uint64_t fitted = value;
    if (__builtin_expect(value > h->value_max, 0)) {
        fitted = h->value_max;
        h->clamped += count;
    }
    h->counts[hist_index(fitted)] += count;
    h->total += count;
    h->sum += (double)value * (double)count;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
}

static inline void hist_record(struct hist *h, uint64_t value)
{
    hist_record_n(h, value, 1);
}

/*
 * Where counts can be other than 0: from first to last, both of which are; none when first > last.
 * Who walks no further leaves the pages beyond untouched.
 */
uint32_t hist_first(const struct hist *h);
uint32_t hist_last(const struct hist *h);

/* One count, also where it has none. */
static inline uint64_t hist_count(const struct hist *h, uint32_t index)
{
    return index - h->base < h->size ? h->counts[index - h->base] : 0;
}

/* Lowest and highest value that share a count. */
uint64_t hist_lowest(uint32_t index);
uint64_t hist_highest(uint32_t index);

/* The nearest rank of a quantile, 1..total. */
uint64_t hist_rank(double q, uint64_t total);
/* Nearest-rank quantile, q in 0..1, as the highest value of its bucket but never above max; 0 when
 * empty. */
uint64_t hist_quantile(const struct hist *h, double q);
/* The value of rank r, 1..total, in the same way; the exact max for the last one. */
uint64_t hist_value_at_rank(const struct hist *h, uint64_t rank);
double hist_mean(const struct hist *h); /* of the exact values; NAN when empty */
/* Values above a bound, those in the bound's own bucket not counted. */
uint64_t hist_count_above(const struct hist *h, uint64_t bound);
/* dst += src; both opened with the same value_max. */
void hist_merge(struct hist *dst, const struct hist *src);
/*
 * The same into one that holds no more counts than it needs and grows by it: *dst is closed, or was
 * poured into before, and nothing is ever recorded in it. ERR_DATA when value_max differs.
 */
int hist_pour(struct hist *dst, const struct hist *src, struct err *e)
    __attribute__((warn_unused_result));
/* Counts, all 0, for a closed one whose value_max, total, min and max are set already. */
int hist_make_room(struct hist *h, struct err *e) __attribute__((warn_unused_result));

#endif
