#include "probes/kit/metric.h"

#include <string.h>

static const char *const metric_kinds[] = {
    [METRIC_HIST] = "histogram", [METRIC_MEAN] = "mean",     [METRIC_MAX] = "maximum",
    [METRIC_SUM] = "sum",        [METRIC_EVENTS] = "events",
};

static const char *const metric_betters[] = {
    [METRIC_LOWER] = "lower",
    [METRIC_HIGHER] = "higher",
    [METRIC_NEITHER] = "neither",
};

static int metric_index(const char *const *names, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

const char *metric_kind_name(enum metric_kind kind)
{
    return metric_kinds[kind];
}

const char *metric_better_name(enum metric_better better)
{
    return metric_betters[better];
}

int metric_kind_of_name(const char *name)
{
    return metric_index(metric_kinds, sizeof metric_kinds / sizeof metric_kinds[0], name);
}

int metric_better_of_name(const char *name)
{
    return metric_index(metric_betters, sizeof metric_betters / sizeof metric_betters[0], name);
}

const struct metric *metric_find(const struct metric *metrics, const char *id)
{
    for (const struct metric *m = metrics; m && m->id; m++) {
        if (strcmp(m->id, id) == 0)
            return m;
    }
    return NULL;
}
