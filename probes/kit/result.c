#include "probes/kit/result.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/stats.h"
#include "probes/kit/units.h"

static const char *const result_statuses[] = {
    [STATUS_MEASURED] = "measured",
    [STATUS_SKIPPED] = "skipped",
    [STATUS_FAILED] = "failed",
    [STATUS_UNTRUSTED] = "untrusted",
};

static const struct {
    const char *name;
    double q;
} result_quantiles[] = {
    {"p50",    0.5  },
    { "p90",   0.9  },
    { "p99",   0.99 },
    { "p99.9", 0.999}
};

enum {
    RESULT_QUANTILES = sizeof result_quantiles / sizeof result_quantiles[0]
};

const char *status_name(enum status status)
{
    return result_statuses[status];
}

int status_of_name(const char *name)
{
    for (int i = 0; i <= STATUS_UNTRUSTED; i++) {
        if (strcmp(result_statuses[i], name) == 0)
            return i;
    }
    return -1;
}

int result_open(struct result *r, const char *probe, const char *title,
                const struct metric *metrics, struct err *e)
{
    unsigned count = 0;
    *r = (struct result){ 0 };
    (void)snprintf(r->probe, sizeof r->probe, "%s", probe);
    (void)snprintf(r->title, sizeof r->title, "%s", title);
    r->witnessed = (struct witnessed){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    while (metrics && metrics[count].id)
        count++;
    if (count > LIMITS_METRICS)
        return err_set(e, ERR_DATA, 0, "%s declares more than %d metrics", probe, LIMITS_METRICS);
    r->metrics = calloc(count + 1, sizeof *r->metrics);
    if (!r->metrics)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the metrics of %s", probe);
    r->metric_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct result_metric *m = &r->metrics[i];
        m->unit = metrics[i].unit;
        m->better = metrics[i].better;
        m->kind = metrics[i].kind;
        (void)snprintf(m->id, sizeof m->id, "%s", metrics[i].id);
        (void)snprintf(m->show, sizeof m->show, "%s", metrics[i].show);
    }
    return 0;
}

static void result_release_metric(struct result_metric *m)
{
    for (unsigned i = 0; i < m->block_count; i++)
        hist_release(&m->blocks[i].hist);
    free(m->blocks);
    hist_release(&m->total);
    *m = (struct result_metric){ 0 };
}

void result_release(struct result *r)
{
    for (unsigned i = 0; i < r->metric_count; i++)
        result_release_metric(&r->metrics[i]);
    free(r->metrics);
    json_decref(r->parameters);
    facts_release(&r->facts);
    *r = (struct result){ 0 };
}

struct result_metric *result_metric_find(const struct result *r, const char *id)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        if (strcmp(r->metrics[i].id, id) == 0)
            return &r->metrics[i];
    }
    return NULL;
}

const struct result_statistic *result_statistic_find(const struct result_metric *m,
                                                     const char *name)
{
    for (unsigned i = 0; i < m->statistic_count; i++) {
        if (strcmp(m->statistics[i].name, name) == 0)
            return &m->statistics[i];
    }
    return NULL;
}

static void result_describe_block(struct result_block *b)
{
    if (!b->hist.counts)
        return;
    b->n = b->hist.total;
    b->p50 = (double)hist_quantile(&b->hist, 0.5);
    b->p99 = (double)hist_quantile(&b->hist, 0.99);
    b->max = (double)b->hist.max;
}

int result_add_block(struct result_metric *m, const struct result_block *block, struct err *e)
{
    if (m->block_count == LIMITS_BLOCKS)
        return 0; /* the first LIMITS_BLOCKS repetitions stand for all */
    if (!m->blocks)
        m->blocks = calloc(LIMITS_BLOCKS, sizeof *m->blocks);
    if (!m->blocks)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the repetitions of %s", m->id);
    struct result_block copy = *block;
    copy.hist = (struct hist){ 0 };
    if (m->kind == METRIC_HIST && block->hist.counts) {
        if (hist_open(&copy.hist, block->hist.value_max, e))
            return -1;
        hist_merge(&copy.hist, &block->hist);
        result_describe_block(&copy);
    }
    m->blocks[m->block_count++] = copy;
    return 0;
}

static void result_put(struct result_metric *m, const char *name, double value, struct interval i)
{
    struct result_statistic *s = &m->statistics[m->statistic_count++];
    *s = (struct result_statistic){ .value = value, .low = i.low, .high = i.high };
    (void)snprintf(s->name, sizeof s->name, "%s", name);
}

static const struct interval result_no_interval = { NAN, NAN };

static int result_total(struct result_metric *m, const struct hist **blocks, size_t *count,
                        double *means, struct err *e)
{
    *count = 0;
    for (unsigned i = 0; i < m->block_count; i++) {
        const struct hist *h = &m->blocks[i].hist;
        if (!h->counts || h->total == 0)
            continue;
        if (!m->total.counts && hist_open(&m->total, h->value_max, e))
            return -1;
        hist_merge(&m->total, h);
        means[*count] = hist_mean(h);
        blocks[(*count)++] = h;
    }
    return 0;
}

static int result_summarise_hist(struct result_metric *m, uint64_t seed, struct err *e)
{
    const struct hist *blocks[LIMITS_BLOCKS];
    double means[LIMITS_BLOCKS];
    size_t count = 0;
    struct hist scratch = { 0 };
    hist_release(&m->total);
    if (result_total(m, blocks, &count, means, e))
        return -1;
    if (count && hist_open(&scratch, m->total.value_max, e))
        return -1;
    m->n = m->total.total;
    m->clamped = m->total.clamped;
    for (unsigned i = 0; i < RESULT_QUANTILES; i++) {
        double q = result_quantiles[i].q;
        struct interval v = result_no_interval;
        if (count)
            v = stats_interval_union(stats_quantile_interval(&m->total, q),
                                     stats_block_interval(blocks, count, q, seed, &scratch));
        result_put(m, result_quantiles[i].name, count ? (double)hist_quantile(&m->total, q) : NAN,
                   v);
    }
    double max = count ? (double)m->total.max : NAN;
    result_put(m, "max", max, (struct interval){ max, NAN });
    result_put(m, "mean", count ? hist_mean(&m->total) : NAN, stats_mean_interval(means, count));
    hist_release(&scratch);
    return 0;
}

static void result_summarise_number(struct result_metric *m)
{
    double values[LIMITS_BLOCKS];
    size_t count = 0;
    double sum = 0;
    double max = -INFINITY;
    for (unsigned i = 0; i < m->block_count; i++) {
        double v = m->blocks[i].value;
        if (isnan(v))
            continue;
        values[count++] = v;
        sum += v;
        max = v > max ? v : max;
    }
    m->n = count;
    if (count == 0)
        result_put(m, "value", NAN, result_no_interval);
    else if (m->kind == METRIC_MEAN)
        result_put(m, "value", sum / (double)count, stats_mean_interval(values, count));
    else if (m->kind == METRIC_MAX)
        result_put(m, "value", max, (struct interval){ max, NAN });
    else
        result_put(m, "value", sum, result_no_interval);
}

int result_summarise(struct result *r, struct err *e)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        struct result_metric *m = &r->metrics[i];
        m->statistic_count = 0;
        m->observed_ns = 0;
        for (unsigned k = 0; k < m->block_count; k++)
            m->observed_ns += m->blocks[k].observed_ns;
        if (m->kind != METRIC_HIST)
            result_summarise_number(m);
        else if (result_summarise_hist(m, r->seed, e))
            return -1;
    }
    return 0;
}

static void result_worsen(struct result *r, enum status status, const char *reason)
{
    static const int badness[] = {
        [STATUS_MEASURED] = 0, [STATUS_UNTRUSTED] = 1, [STATUS_SKIPPED] = 2, [STATUS_FAILED] = 3
    };
    if (badness[status] <= badness[r->status])
        return;
    r->status = status;
    (void)snprintf(r->reason, sizeof r->reason, "%s", reason);
}

int result_absorb(struct result *dst, const struct result *src, struct err *e)
{
    for (unsigned i = 0; i < src->metric_count; i++) {
        struct result_metric *m = result_metric_find(dst, src->metrics[i].id);
        for (unsigned k = 0; m && k < src->metrics[i].block_count; k++) {
            if (result_add_block(m, &src->metrics[i].blocks[k], e))
                return -1;
        }
    }
    for (unsigned i = 0; i < src->event_count && dst->event_count < LIMITS_EVENTS; i++)
        dst->events[dst->event_count++] = src->events[i];
    for (unsigned i = 0; i < src->note_count; i++)
        result_note(dst, "%s", src->notes[i]);
    /* A second round that could not be run takes nothing from the first. */
    if (src->status == STATUS_UNTRUSTED)
        result_worsen(dst, src->status, src->reason);
    else if (src->status != STATUS_MEASURED)
        result_note(dst, "A second round %s: %.300s", status_name(src->status), src->reason);
    dst->duration_ns += src->duration_ns;
    dst->written_bytes += src->written_bytes;
    dst->rounds += src->rounds;
    dst->witnessed.stall_max_ns = fmax(dst->witnessed.stall_max_ns, src->witnessed.stall_max_ns);
    return 0;
}

void result_set_status(struct result *r, enum status status, const char *fmt, ...)
{
    char reason[LIMITS_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    result_worsen(r, status, reason);
}

void result_note(struct result *r, const char *fmt, ...)
{
    char note[LIMITS_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(note, sizeof note, fmt, args);
    va_end(args);
    for (unsigned i = 0; i < r->note_count; i++) {
        if (strcmp(r->notes[i], note) == 0)
            return;
    }
    if (r->note_count < LIMITS_NOTES)
        memcpy(r->notes[r->note_count++], note, sizeof note);
}

void result_event(struct result *r, uint64_t at_ns, uint64_t duration_ns, const char *fmt, ...)
{
    if (r->event_count == LIMITS_EVENTS)
        return;
    struct result_event *event = &r->events[r->event_count++];
    va_list args;
    event->at_ns = at_ns;
    event->duration_ns = duration_ns;
    va_start(args, fmt);
    (void)vsnprintf(event->what, sizeof event->what, fmt, args);
    va_end(args);
}

/* What tells this metric from the others of the probe: "qd1.iops" of disk.read.qd1.iops. */
static const char *result_short_id(const struct result *r, const struct result_metric *m)
{
    size_t n = strlen(r->probe);
    if (strncmp(m->id, r->probe, n) == 0)
        return m->id[n] == '.' ? m->id + n + 1 : "";
    const char *dot = strchr(m->id, '.');
    return dot ? dot + 1 : m->id;
}

static void result_show(const struct result_metric *m, const char *label, struct buf *out)
{
    char text[UNITS_TEXT_BYTES];
    bool said = false;
    for (const char *w = m->show; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
        char name[RESULT_STATISTIC_BYTES] = { 0 };
        size_t n = strcspn(w, " ");
        memcpy(name, w, n < sizeof name ? n : sizeof name - 1);
        const struct result_statistic *s = result_statistic_find(m, name);
        if (!s || isnan(s->value))
            continue;
        buf_adds(out, out->size ? ", " : "");
        if (!said && *label)
            buf_addf(out, "%s ", label);
        said = true;
        if (strcmp(name, "value") != 0)
            buf_addf(out, "%s ", name);
        buf_adds(out, units_format(s->value, m->unit, text));
    }
}

void result_headline(const struct result *r, struct buf *out)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        const struct result_metric *m = &r->metrics[i];
        result_show(m, m->unit == UNIT_PER_S ? "" : result_short_id(r, m), out);
    }
}
