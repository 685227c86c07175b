/*
 * result: what one probe found in one run.
 */
#include "probes/kit/result.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/clk.h"
#include "probes/kit/headline.h"
#include "probes/kit/summary.h"

enum {
    FIRST_BLOCKS = 8, /* room for so many at first */
    FIRST_EVENTS = 16
};

static const struct witnessed nothing_witnessed = {
    NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, "",
};

static int copy_name(char *to, size_t size, const char *from, struct err *e)
{
    if (strlen(from) >= size) {
        return err_set(e, ERR_DATA, 0, "'%s' is longer than %zu bytes", from, size - 1);
    }
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

static int declare(struct result_metric *m, const struct metric *row, struct err *e)
{
    m->unit = row->unit;
    m->better = row->better;
    m->kind = row->kind;
    if (copy_name(m->id, sizeof(m->id), row->id, e) != 0) {
        return -1;
    }
    return copy_name(m->show, sizeof(m->show), row->show ? row->show : "", e);
}

int result_open(struct result *r, const char *probe, const char *title,
                const struct metric *metrics, struct err *e)
{
    unsigned count = 0;
    *r = (struct result){ .rounds = 1, .witnessed = nothing_witnessed };
    while (metrics && metrics[count].id) {
        count++;
    }
    if (count > LIMITS_METRICS) {
        return err_set(e, ERR_DATA, 0, "%s: %u metrics, limit %d", probe, count, LIMITS_METRICS);
    }
    if (copy_name(r->probe, sizeof(r->probe), probe, e) != 0 ||
        copy_name(r->title, sizeof(r->title), title, e) != 0) {
        return -1;
    }
    r->metrics = calloc(count ? count : 1, sizeof(*r->metrics));
    if (!r->metrics) {
        return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory for its metrics", probe);
    }
    for (; r->metric_count < count; r->metric_count++) {
        if (declare(&r->metrics[r->metric_count], &metrics[r->metric_count], e) != 0) {
            return -1;
        }
    }
    return 0;
}

static void release_blocks(struct result_metric *m)
{
    for (unsigned i = 0; i < m->block_count; i++) {
        hist_release(&m->blocks[i].hist);
    }
    free(m->blocks);
    m->blocks = NULL;
    m->block_count = m->block_room = 0;
}

void result_release(struct result *r)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        release_blocks(&r->metrics[i]);
        hist_release(&r->metrics[i].total);
    }
    free(r->metrics);
    free(r->events);
    json_decref(r->parameters);
    facts_release(&r->facts);
    *r = (struct result){ 0 };
}

struct result_metric *result_metric_find(const struct result *r, const char *id)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        if (strcmp(r->metrics[i].id, id) == 0) {
            return &r->metrics[i];
        }
    }
    return NULL;
}

const struct result_statistic *result_statistic_find(const struct result_metric *m,
                                                     const char *name)
{
    for (unsigned i = 0; i < m->statistic_count; i++) {
        if (strcmp(m->statistics[i].name, name) == 0) {
            return &m->statistics[i];
        }
    }
    return NULL;
}

static void describe_block(struct result_block *b)
{
    if (b->hist.total > 0) {
        b->n = b->hist.total;
        b->p50 = (double)hist_quantile(&b->hist, 0.5);
        b->p99 = (double)hist_quantile(&b->hist, 0.99);
        b->max = (double)b->hist.max;
    }
}

/* The value of two neighbours as one block. */
static double joined_value(enum metric_kind kind, const struct result_block *a,
                           const struct result_block *b)
{
    if (isnan(a->value) || isnan(b->value)) {
        return isnan(a->value) ? b->value : a->value;
    }
    switch (kind) {
    case METRIC_MEAN:
        return (a->value * a->joined + b->value * b->joined) / (a->joined + b->joined);
    case METRIC_MAX:
        return fmax(a->value, b->value);
    case METRIC_SUM:
        return a->value + b->value;
    case METRIC_EVENTS:
    case METRIC_HIST:
        break;
    }
    return NAN;
}

/* Of events the value follows from their number and their time. */
static double events_an_hour(const struct result_block *b)
{
    double hours = (double)b->observed_ns / (3600.0 * CLK_NS_PER_S);
    return hours > 0 ? (double)b->n / hours : NAN;
}

static int join_block(enum metric_kind kind, struct result_block *a, const struct result_block *b,
                      struct err *e)
{
    if (hist_pour(&a->hist, &b->hist, e) != 0) {
        return -1;
    }
    a->value = joined_value(kind, a, b);
    a->observed_ns += b->observed_ns;
    a->n += b->n;
    a->joined += b->joined;
    if (kind == METRIC_EVENTS) {
        a->value = events_an_hour(a);
    }
    describe_block(a);
    return 0;
}

static int halve_blocks(struct result_metric *m, struct err *e)
{
    for (unsigned i = 0; i + 1 < m->block_count; i += 2) {
        if (join_block(m->kind, &m->blocks[i], &m->blocks[i + 1], e) != 0) {
            return -1;
        }
        hist_release(&m->blocks[i + 1].hist);
        m->blocks[i / 2] = m->blocks[i];
        if (i > 0) {
            m->blocks[i].hist = (struct hist){ 0 }; /* it moved */
        }
    }
    m->block_count /= 2;
    return 0;
}

static unsigned most_blocks(const struct result_metric *m)
{
    return m->block_most && m->block_most < LIMITS_BLOCKS ? m->block_most : LIMITS_BLOCKS;
}

static int grow_blocks(struct result_metric *m, struct err *e)
{
    unsigned wanted = m->block_room ? 2 * m->block_room : FIRST_BLOCKS;
    unsigned room = wanted < most_blocks(m) ? wanted : most_blocks(m);
    struct result_block *blocks = reallocarray(m->blocks, room, sizeof(*blocks));
    if (!blocks) {
        return err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory for its repetitions", m->id);
    }
    m->blocks = blocks;
    m->block_room = room;
    return 0;
}

static int append_block(struct result_metric *m, const struct result_block *block, struct err *e)
{
    if (m->blocks && m->block_count == most_blocks(m) && halve_blocks(m, e) != 0) {
        return -1;
    }
    if ((!m->blocks || m->block_count == m->block_room) && grow_blocks(m, e) != 0) {
        return -1;
    }
    struct result_block *b = &m->blocks[m->block_count];
    *b = *block;
    b->hist = (struct hist){ 0 };
    if (hist_pour(&b->hist, &block->hist, e) != 0) {
        return -1;
    }
    m->block_count++;
    return 0;
}

int result_add_block(struct result_metric *m, const struct result_block *block, struct err *e)
{
    struct result_block b = *block; /* its histogram is borrowed */
    b.joined = b.joined ? b.joined : 1;
    if (m->kind == METRIC_HIST) {
        b.value = b.p50 = b.p99 = b.max = NAN;
        describe_block(&b);
    } else {
        b.hist = (struct hist){ 0 };
        b.p50 = b.p99 = b.max = NAN;
        b.value = m->kind == METRIC_EVENTS ? events_an_hour(&b) : b.value;
        b.n = b.n == 0 && m->kind != METRIC_EVENTS && !isnan(b.value) ? 1 : b.n;
    }
    struct result_block *last = m->block_count ? &m->blocks[m->block_count - 1] : NULL;
    if (last && last->joined + b.joined <= m->blocks[0].joined) {
        return join_block(m->kind, last, &b, e);
    }
    return append_block(m, &b, e);
}

int result_summarise(struct result *r, struct err *e)
{
    for (unsigned i = 0; i < r->metric_count; i++) {
        if (summary_of_metric(&r->metrics[i], r->seed, e) != 0) {
            return err_wrap(e, "%s", r->probe);
        }
    }
    return 0;
}

void result_headline(const struct result *r, struct buf *out)
{
    headline_write(r, out);
}

/* The metric of dst that takes the blocks of m, made when a later round measured more. */
static struct result_metric *counterpart(struct result *dst, const struct result_metric *m)
{
    struct result_metric *had = result_metric_find(dst, m->id);
    if (had || dst->metric_count == LIMITS_METRICS) {
        return had;
    }
    struct result_metric *metrics =
        reallocarray(dst->metrics, dst->metric_count + 1, sizeof(*metrics));
    if (!metrics) {
        return NULL;
    }
    dst->metrics = metrics;
    struct result_metric *made = &metrics[dst->metric_count++];
    *made = (struct result_metric){
        .unit = m->unit, .better = m->better, .kind = m->kind, .block_most = m->block_most
    };
    memcpy(made->id, m->id, sizeof(made->id));
    memcpy(made->show, m->show, sizeof(made->show));
    return made;
}

static int by_time(const void *a, const void *b)
{
    const struct result_event *x = a;
    const struct result_event *y = b;
    return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

/* The longest LIMITS_EVENTS of both. */
static void absorb_events(struct result *dst, const struct result *src)
{
    for (unsigned i = 0; i < src->event_count; i++) {
        result_event_full(dst, &src->events[i]);
    }
    dst->events_dropped += src->events_dropped;
    if (dst->event_count > 0) {
        qsort(dst->events, dst->event_count, sizeof(dst->events[0]), by_time);
    }
}

/* The share over both times; NAN where neither knows. */
static double share(double a, uint64_t a_ns, double b, uint64_t b_ns)
{
    if (isnan(a) || isnan(b) || a_ns + b_ns == 0) {
        return isnan(a) ? b : a;
    }
    return (a * (double)a_ns + b * (double)b_ns) / (double)(a_ns + b_ns);
}

static struct witnessed absorb_witnessed(const struct result *dst, const struct result *src)
{
    const struct witnessed *a = &dst->witnessed;
    const struct witnessed *b = &src->witnessed;
    uint64_t a_ns = dst->duration_ns;
    uint64_t b_ns = src->duration_ns;
    struct witnessed both = {
        .steal_ratio = share(a->steal_ratio, a_ns, b->steal_ratio, b_ns),
        .steal_worst_cpu_ratio = fmax(a->steal_worst_cpu_ratio, b->steal_worst_cpu_ratio),
        .cpu_pressure_ratio = share(a->cpu_pressure_ratio, a_ns, b->cpu_pressure_ratio, b_ns),
        .io_pressure_ratio = share(a->io_pressure_ratio, a_ns, b->io_pressure_ratio, b_ns),
        .memory_pressure_ratio =
            share(a->memory_pressure_ratio, a_ns, b->memory_pressure_ratio, b_ns),
        .throttled_ratio = share(a->throttled_ratio, a_ns, b->throttled_ratio, b_ns),
        .clock_step_ns = fmax(a->clock_step_ns, b->clock_step_ns),
        .stall_max_ns = fmax(a->stall_max_ns, b->stall_max_ns),
        .cpu_pressure_full_ratio =
            share(a->cpu_pressure_full_ratio, a_ns, b->cpu_pressure_full_ratio, b_ns),
        .io_pressure_full_ratio =
            share(a->io_pressure_full_ratio, a_ns, b->io_pressure_full_ratio, b_ns),
        .memory_pressure_full_ratio =
            share(a->memory_pressure_full_ratio, a_ns, b->memory_pressure_full_ratio, b_ns),
        .others_cpu_ratio = share(a->others_cpu_ratio, a_ns, b->others_cpu_ratio, b_ns),
        .others_io_bytes_per_s =
            share(a->others_io_bytes_per_s, a_ns, b->others_io_bytes_per_s, b_ns),
        .largest_other_cpu_ratio = fmax(a->largest_other_cpu_ratio, b->largest_other_cpu_ratio),
    };
    bool second = isnan(a->largest_other_cpu_ratio) ||
                  b->largest_other_cpu_ratio > a->largest_other_cpu_ratio;
    memcpy(both.largest_other, second ? b->largest_other : a->largest_other,
           sizeof both.largest_other);
    return both;
}

static int absorb_metrics(struct result *dst, const struct result *src, struct err *e)
{
    for (unsigned i = 0; i < src->metric_count; i++) {
        const struct result_metric *from = &src->metrics[i];
        struct result_metric *to = counterpart(dst, from);
        if (!to || to->kind != from->kind) {
            return err_set(e, ERR_DATA, 0, "%s: cannot join %s of a later round", dst->probe,
                           from->id);
        }
        for (unsigned k = 0; k < from->block_count; k++) {
            if (result_add_block(to, &from->blocks[k], e) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* A later round that could not be run takes nothing from the figures of the first. */
static void absorb_status(struct result *dst, const struct result *src)
{
    bool has_figures = dst->status == STATUS_MEASURED || dst->status == STATUS_UNTRUSTED;
    if (src->status == STATUS_UNTRUSTED || !has_figures) {
        result_set_status(dst, src->status, "%s", src->reason);
    } else if (src->status != STATUS_MEASURED) {
        result_note(dst, "A later round %s: %.400s",
                    src->status == STATUS_FAILED ? "failed" : "was skipped", src->reason);
    }
}

int result_absorb(struct result *dst, const struct result *src, struct err *e)
{
    if (strcmp(dst->probe, src->probe) != 0 ||
        (src->peer[0] && strcmp(dst->peer, src->peer) != 0)) {
        return err_set(e, ERR_DATA, 0, "%s: cannot join a round of %s", dst->probe, src->probe);
    }
    if (absorb_metrics(dst, src, e) != 0) {
        return -1;
    }
    if (!dst->parameters && src->parameters) {
        dst->parameters = json_deep_copy(src->parameters);
    }
    absorb_events(dst, src);
    for (unsigned i = 0; i < src->note_count; i++) {
        result_note(dst, "%s", src->notes[i]);
    }
    absorb_status(dst, src);
    dst->witnessed = absorb_witnessed(dst, src);
    dst->started_ns = src->started_ns < dst->started_ns ? src->started_ns : dst->started_ns;
    dst->duration_ns += src->duration_ns;
    dst->rounds += src->rounds;
    dst->written_bytes += src->written_bytes;
    return facts_absorb(&dst->facts, &src->facts)
               ? err_set(e, ERR_NO_RESOURCE, 0, "%s: no memory for its facts", dst->probe)
               : 0;
}

void result_set_status(struct result *r, enum status status, const char *fmt, ...)
{
    va_list args;
    if (!status_is_worse(status, r->status)) {
        return;
    }
    r->status = status;
    va_start(args, fmt);
    (void)vsnprintf(r->reason, sizeof(r->reason), fmt, args);
    va_end(args);
}

void result_note(struct result *r, const char *fmt, ...)
{
    va_list args;
    if (r->note_count == LIMITS_NOTES) {
        return;
    }
    char *note = r->notes[r->note_count];
    va_start(args, fmt);
    (void)vsnprintf(note, LIMITS_TEXT_BYTES, fmt, args);
    va_end(args);
    for (unsigned i = 0; i < r->note_count; i++) {
        if (strcmp(r->notes[i], note) == 0) {
            return;
        }
    }
    r->note_count++;
}

static bool grow_events(struct result *r)
{
    unsigned wanted = r->event_room ? 2 * r->event_room : FIRST_EVENTS;
    unsigned room = wanted < LIMITS_EVENTS ? wanted : LIMITS_EVENTS;
    struct result_event *events = reallocarray(r->events, room, sizeof(*events));
    if (!events) {
        return false;
    }
    r->events = events;
    r->event_room = room;
    return true;
}

/* Takes out the shortest, of equal ones the last, unless `event` is no longer than that. */
static bool displace(struct result *r, const struct result_event *event)
{
    unsigned shortest = 0;
    for (unsigned i = 1; i < r->event_count; i++) {
        if (r->events[i].duration_ns <= r->events[shortest].duration_ns) {
            shortest = i;
        }
    }
    if (r->event_count == 0 || event->duration_ns <= r->events[shortest].duration_ns) {
        return false;
    }
    r->event_count--;
    memmove(&r->events[shortest], &r->events[shortest + 1],
            (r->event_count - shortest) * sizeof(r->events[0]));
    return true;
}

void result_event_full(struct result *r, const struct result_event *event)
{
    bool has_room =
        r->event_count < r->event_room || (r->event_room < LIMITS_EVENTS && grow_events(r));
    if (!has_room) {
        r->events_dropped++;
        if (!displace(r, event)) {
            return;
        }
    }
    r->events[r->event_count++] = *event;
}

void result_event(struct result *r, uint64_t at_ns, uint64_t duration_ns, const char *fmt, ...)
{
    va_list args;
    struct result_event event = { .at_ns = at_ns, .duration_ns = duration_ns, .cpu = -1 };
    va_start(args, fmt);
    (void)vsnprintf(event.what, sizeof(event.what), fmt, args);
    va_end(args);
    result_event_full(r, &event);
}

void result_name(const struct result *r, struct buf *out)
{
    buf_adds(out, r->probe);
    if (r->place[0])
        buf_addf(out, "@%s", r->place);
    if (r->peer[0])
        buf_addf(out, "@%s", r->peer);
}
