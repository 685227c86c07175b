/*
 * headline: the figures of one measurement in half a line.
 *
 * Figures stand in groups: a histogram with the rates that belong to it (disk.read.qd1 and
 * disk.read.qd1.iops), or a single value. Groups are told apart by the part of the id that is not
 * in the probe's name; the probe's own figure needs no name, nor does a group that stands alone.
 */
#include "probes/kit/headline.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "probes/kit/units.h"

/* Whether the value belongs to the histogram of that id: "disk.wal.rate" to "disk.wal". */
static bool belongs_to(const struct result_metric *m, const struct result_metric *owner)
{
    size_t length = strlen(owner->id);
    return m->kind != METRIC_HIST && owner->kind == METRIC_HIST &&
           strncmp(m->id, owner->id, length) == 0 && m->id[length] == '.';
}

/* The nearest: disk.wal.8k.rate belongs to disk.wal.8k, not to disk.wal. */
static const struct result_metric *owner_of(const struct result *r, const struct result_metric *m)
{
    const struct result_metric *owner = m;
    for (unsigned i = 0; i < r->metric_count; i++) {
        const struct result_metric *other = &r->metrics[i];
        if (belongs_to(m, other) && (owner == m || strlen(other->id) > strlen(owner->id))) {
            owner = other;
        }
    }
    return owner;
}

/* "qd1" of disk.read.qd1 in disk.read; "rate" of image.rate in image.extract; "" of disk.wal. */
static const char *own_part(const struct result *r, const char *id)
{
    size_t from = 0;
    size_t i = 0;
    for (; id[i] && id[i] == r->probe[i]; i++) {
        if (id[i] == '.') {
            from = i + 1;
        }
    }
    if (!r->probe[i] && (!id[i] || id[i] == '.')) {
        return id + i + (id[i] == '.');
    }
    return id + from;
}

/* Whether `show`, words separated by blanks, names the statistic. */
static bool is_shown(const struct result_metric *m, const struct result_statistic *s)
{
    size_t length = strlen(s->name);
    const char *at = m->show;
    while (*at) {
        size_t word = strcspn(at, " ");
        if (word == length && strncmp(at, s->name, length) == 0) {
            return !isnan(s->value);
        }
        at += word + strspn(at + word, " ");
    }
    return false;
}

static void add_figures(const struct result_metric *m, struct buf *group)
{
    char number[UNITS_TEXT_BYTES];
    for (unsigned i = 0; i < m->statistic_count; i++) {
        const struct result_statistic *s = &m->statistics[i];
        bool named = strcmp(s->name, "value") != 0;
        if (is_shown(m, s) && m->kind == METRIC_EVENTS && m->n == 0) {
            buf_addf(group, "%snone (< %s)", group->size ? ", " : "",
                     units_format(s->high, m->unit, number));
        } else if (is_shown(m, s)) {
            buf_addf(group, "%s%s%s%s", group->size ? ", " : "", named ? s->name : "",
                     named ? " " : "", units_format(s->value, m->unit, number));
        }
    }
}

/* The figures of a metric and of those that belong to it. */
static void add_group(const struct result *r, const struct result_metric *head, struct buf *group)
{
    buf_clear(group);
    for (unsigned i = 0; i < r->metric_count; i++) {
        if (owner_of(r, &r->metrics[i]) == head) {
            add_figures(&r->metrics[i], group);
        }
    }
}

static unsigned count_groups(const struct result *r, struct buf *group)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->metric_count; i++) {
        add_group(r, &r->metrics[i], group);
        count += group->size > 0;
    }
    return count;
}

void headline_write(const struct result *r, struct buf *out)
{
    struct buf group = { 0 };
    bool several = count_groups(r, &group) > 1;
    bool first = true;
    for (unsigned i = 0; i < r->metric_count; i++) {
        add_group(r, &r->metrics[i], &group);
        if (group.size == 0) {
            continue;
        }
        const char *name = several ? own_part(r, r->metrics[i].id) : "";
        buf_addf(out, "%s%s%s%s", first ? "" : "; ", name, *name ? " " : "", buf_text(&group));
        first = false;
    }
    buf_release(&group);
}
