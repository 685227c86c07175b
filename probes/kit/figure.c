/*
 * figure: one metric of a result as JSON, and back.
 */
#include "probes/kit/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/hdr.h"
#include "probes/kit/summary.h"

/* ---- to JSON ---- */

/* null for an empty histogram, NULL on failure. */
static json_t *histogram_to_json(const struct hist *h, struct err *e)
{
    if (h->total == 0) {
        return json_null();
    }
    AUTO(buf) struct buf text = { 0 };
    return hdr_encode(h, &text, e) == 0 ? json_stringn(buf_text(&text), text.size) : NULL;
}

static int put_exact(json_t *object, const struct result_block *b, struct err *e)
{
    int bad = json_object_set_new(object, "joined", node_new_u64(b->joined));
    if (b->hist.total > 0) {
        bad |= json_object_set_new(object, "min", node_new_u64(b->hist.min));
        bad |= json_object_set_new(object, "mean", node_new_number(hist_mean(&b->hist)));
        bad |= json_object_set_new(object, "clamped", node_new_u64(b->hist.clamped));
        bad |= json_object_set_new(object, "histogram", histogram_to_json(&b->hist, e));
    }
    return bad;
}

static json_t *block_to_json(const struct result_block *b, enum metric_kind kind,
                             enum figure_form form, struct err *e)
{
    json_t *object = json_object();
    int bad = json_object_set_new(object, "at_ns", node_new_u64(b->at_ns));
    bad |= json_object_set_new(object, "observed_ns", node_new_u64(b->observed_ns));
    bad |= json_object_set_new(object, "n", node_new_u64(b->n));
    if (kind == METRIC_HIST) {
        bad |= json_object_set_new(object, "p50", node_new_number(b->p50));
        bad |= json_object_set_new(object, "p99", node_new_number(b->p99));
        bad |= json_object_set_new(object, "max", node_new_number(b->max));
    } else {
        bad |= json_object_set_new(object, "value", node_new_number(b->value));
    }
    if (form == FIGURE_FRAGMENT) {
        bad |= put_exact(object, b, e);
    }
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *blocks_to_json(const struct result_metric *m, enum figure_form form, struct err *e)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < m->block_count; i++) {
        if (json_array_append_new(array, block_to_json(&m->blocks[i], m->kind, form, e)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *statistics_to_json(const struct result_metric *m)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < m->statistic_count; i++) {
        const struct result_statistic *s = &m->statistics[i];
        json_t *object = json_object();
        int bad = json_object_set_new(object, "name", node_new_text(s->name));
        bad |= json_object_set_new(object, "value", node_new_number(s->value));
        bad |= json_object_set_new(object, "low", node_new_number(s->low));
        bad |= json_object_set_new(object, "high", node_new_number(s->high));
        bad |= json_array_append_new(array, object);
        if (bad) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *figure_to_json(const struct result_metric *m, enum figure_form form, struct err *e)
{
    json_t *object = json_object();
    /* A cause that is not memory replaces this. */
    (void)err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory to write it", m->id);
    json_t *whole = form == FIGURE_FRAGMENT ? json_null() : histogram_to_json(&m->total, e);
    int bad = json_object_set_new(object, "id", node_new_text(m->id));
    bad |= json_object_set_new(object, "unit", node_new_text(units_name(m->unit)));
    bad |= json_object_set_new(object, "better", node_new_text(metric_better_name(m->better)));
    bad |= json_object_set_new(object, "kind", node_new_text(metric_kind_name(m->kind)));
    bad |= json_object_set_new(object, "show", node_new_text(m->show));
    bad |= json_object_set_new(object, "n", node_new_u64(m->n));
    bad |= json_object_set_new(object, "observed_ns", node_new_u64(m->observed_ns));
    bad |= json_object_set_new(object, "clamped", node_new_u64(m->clamped));
    bad |= json_object_set_new(object, "statistics", statistics_to_json(m));
    bad |= json_object_set_new(object, "histogram", whole);
    bad |= json_object_set_new(object, "blocks", blocks_to_json(m, form, e));
    if (bad) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- back ---- */

/* What V2 does not carry: the exact largest and smallest value, the mean, and what was clamped. */
struct exact {
    uint64_t n, min, clamped;
    double max, mean;
};

/* Decodes a histogram and holds it against what is said beside it. */
static int histogram_of_json(const struct node *at, const struct exact *x, struct hist *h,
                             struct err *e)
{
    const char *text = node_text_ref(at, "histogram", e);
    if (!text) {
        return -1;
    }
    if (hdr_decode(text, h, e) != 0) {
        return err_wrap(e, "%s", at->where);
    }
    if (h->total != x->n) {
        return err_set(e, ERR_DATA, 0, "%s.histogram: holds %llu values, and n is %llu", at->where,
                       (unsigned long long)h->total, (unsigned long long)x->n);
    }
    if (h->total == 0) {
        return 0;
    }
    double fitted = x->max < (double)h->value_max ? x->max : (double)h->value_max;
    if (!(x->max >= 0) || hist_index((uint64_t)fitted) != hist_last(h)) {
        return err_set(e, ERR_DATA, 0, "%s.histogram: its largest value is not the max beside it",
                       at->where);
    }
    if (hist_index(x->min < h->value_max ? x->min : h->value_max) > hist_first(h)) {
        return err_set(e, ERR_DATA, 0,
                       "%s.histogram: its smallest value is below the min beside it", at->where);
    }
    h->max = x->max < 0x1p63 ? (uint64_t)x->max : INT64_MAX;
    h->sum = isnan(x->mean) ? h->sum : x->mean * (double)h->total;
    h->clamped = x->clamped;
    return 0;
}

static int exact_of_json(const struct node *at, struct result_block *b, struct err *e)
{
    struct exact x = { .n = b->n, .max = b->max };
    uint64_t joined = 0;
    if (node_u64(at, "joined", &joined, e) != 0) {
        return -1;
    }
    b->joined = joined < UINT32_MAX ? (unsigned)joined : UINT32_MAX;
    if (!node_has(at, "histogram")) {
        return 0;
    }
    if (node_u64(at, "min", &x.min, e) != 0 || node_u64(at, "clamped", &x.clamped, e) != 0 ||
        node_number_or_nan(at, "mean", &x.mean, e) != 0 ||
        histogram_of_json(at, &x, &b->hist, e) != 0) {
        return -1;
    }
    b->hist.min = x.min;
    return 0;
}

static int block_of_json(const struct node *at, const struct result_metric *m,
                         enum figure_form form, struct result_block *b, struct err *e)
{
    *b = (struct result_block){ .value = NAN, .p50 = NAN, .p99 = NAN, .max = NAN, .joined = 1 };
    if (!json_is_object(at->value)) {
        return node_refuse(at, "an object", e);
    }
    if (node_u64(at, "at_ns", &b->at_ns, e) != 0 ||
        node_u64(at, "observed_ns", &b->observed_ns, e) != 0 || node_u64(at, "n", &b->n, e) != 0) {
        return -1;
    }
    if (m->kind != METRIC_HIST) {
        if (node_number_or_nan(at, "value", &b->value, e) != 0) {
            return -1;
        }
    } else if (node_number_or_nan(at, "p50", &b->p50, e) != 0 ||
               node_number_or_nan(at, "p99", &b->p99, e) != 0 ||
               node_number_or_nan(at, "max", &b->max, e) != 0) {
        return -1;
    }
    return form == FIGURE_FRAGMENT ? exact_of_json(at, b, e) : 0;
}

static int blocks_of_json(const struct node *at, enum figure_form form, struct result_metric *m,
                          struct err *e)
{
    struct node array;
    if (node_array(at, "blocks", &array, e) != 0) {
        return -1;
    }
    size_t count = node_count(&array);
    if (count > LIMITS_BLOCKS) {
        return err_set(e, ERR_DATA, 0, "%s: %zu blocks, and at most %d are read", array.where,
                       count, LIMITS_BLOCKS);
    }
    m->blocks = count ? calloc(count, sizeof(*m->blocks)) : NULL;
    m->block_room = (unsigned)count;
    if (count && !m->blocks) {
        return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory", array.where);
    }
    while (m->block_count < count) {
        struct node item = node_item(&array, m->block_count);
        struct result_block *b = &m->blocks[m->block_count++];
        if (block_of_json(&item, m, form, b, e) != 0 ||
            (form == FIGURE_FRAGMENT && hist_pour(&m->total, &b->hist, e) != 0)) {
            return -1;
        }
    }
    return 0;
}

static int statistics_of_json(const struct node *at, struct result_metric *m, struct err *e)
{
    struct node array;
    if (node_array(at, "statistics", &array, e) != 0) {
        return -1;
    }
    size_t count = node_count(&array);
    if (count > RESULT_STATISTICS) {
        return err_set(e, ERR_DATA, 0, "%s: %zu statistics, and at most %d are read", array.where,
                       count, RESULT_STATISTICS);
    }
    while (m->statistic_count < count) {
        struct node item = node_item(&array, m->statistic_count);
        struct result_statistic *s = &m->statistics[m->statistic_count++];
        if (!json_is_object(item.value)) {
            return node_refuse(&item, "an object", e);
        }
        if (node_text(&item, "name", s->name, sizeof(s->name), e) != 0 ||
            node_number_or_nan(&item, "value", &s->value, e) != 0 ||
            node_number_or_nan(&item, "low", &s->low, e) != 0 ||
            node_number_or_nan(&item, "high", &s->high, e) != 0) {
            return -1;
        }
    }
    return 0;
}

/* One of a few names; -1 with e set when it is none. */
static int name_of_json(const struct node *at, const char *key, int (*index)(const char *name),
                        struct err *e)
{
    const char *name = node_text_ref(at, key, e);
    int found = name ? index(name) : -1;
    if (name && found < 0) {
        struct node member = node_member(at, key);
        return node_refuse(&member, "a known name", e);
    }
    return found;
}

static int unit_of_name(const char *name)
{
    enum unit unit = units_of_name(name);
    return unit == UNIT_KINDS ? -1 : (int)unit;
}

static int declaration_of_json(const struct node *at, struct result_metric *m, struct err *e)
{
    int unit = name_of_json(at, "unit", unit_of_name, e);
    int better = unit < 0 ? -1 : name_of_json(at, "better", metric_better_of_name, e);
    int kind = better < 0 ? -1 : name_of_json(at, "kind", metric_kind_of_name, e);
    if (kind < 0) {
        return -1;
    }
    m->unit = (enum unit)unit;
    m->better = (enum metric_better)better;
    m->kind = (enum metric_kind)kind;
    if (node_text(at, "id", m->id, sizeof(m->id), e) != 0) {
        return -1;
    }
    return node_text_or_empty(at, "show", m->show, sizeof(m->show), e);
}

static double statistic_of(const struct result_metric *m, const char *name)
{
    const struct result_statistic *s = result_statistic_find(m, name);
    return s ? s->value : NAN;
}

int figure_of_json(const struct node *at, enum figure_form form, struct result_metric *m,
                   struct err *e)
{
    *m = (struct result_metric){ 0 };
    if (!json_is_object(at->value)) {
        return node_refuse(at, "an object", e);
    }
    if (declaration_of_json(at, m, e) != 0 || node_u64(at, "n", &m->n, e) != 0 ||
        node_u64(at, "observed_ns", &m->observed_ns, e) != 0 ||
        node_u64(at, "clamped", &m->clamped, e) != 0 || statistics_of_json(at, m, e) != 0 ||
        blocks_of_json(at, form, m, e) != 0) {
        return -1;
    }
    if (form == FIGURE_FRAGMENT || m->kind != METRIC_HIST || !node_has(at, "histogram")) {
        return 0;
    }
    struct exact x = { .n = m->n,
                       .clamped = m->clamped,
                       .max = statistic_of(m, "max"),
                       .mean = statistic_of(m, "mean") };
    return histogram_of_json(at, &x, &m->total, e);
}
