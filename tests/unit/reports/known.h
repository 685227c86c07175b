/*
 * known: a few metrics and facts for the tests of the reports, so that they need no probe.
 */
#ifndef TESTS_UNIT_REPORTS_KNOWN_H
#define TESTS_UNIT_REPORTS_KNOWN_H

#include <stddef.h>
#include <string.h>

#include "reports/profile.h"

static const struct metric known_metrics[] = {
    {"disk.wal",       UNIT_NS,          METRIC_LOWER,  METRIC_HIST, "p50 p99 max", "Appends." },
    { "disk.wal.rate", UNIT_PER_S,       METRIC_HIGHER, METRIC_MEAN, "value",       "Rate."    },
    { "image.rate",    UNIT_BYTES_PER_S, METRIC_HIGHER, METRIC_MEAN, "value",       "Unpacked."},
    { "net.rtt",       UNIT_NS,          METRIC_LOWER,  METRIC_HIST, "p50 p99",     "Replies." },
    { "noise.stall",   UNIT_NS,          METRIC_LOWER,  METRIC_HIST, "max",         "Stalls."  },
    METRIC_END,
};

static const struct fact_row known_facts[] = {
    {"host.memory",          FACT_NUMBER, UNIT_BYTES,   "Memory.",  NULL},
    { "host.cpus",           FACT_NUMBER, UNIT_COUNT,   "CPUs.",    NULL},
    { "host.swap",           FACT_NUMBER, UNIT_BYTES,   "Swap.",    NULL},
    { "host.kernel.version", FACT_NUMBER, UNIT_VERSION, "Kernel.",  NULL},
    { "host.container",      FACT_TEXT,   UNIT_NONE,    "Kind.",    NULL},
    { "host.kernel.options", FACT_LIST,   UNIT_NONE,    "Options.", NULL},
    { "host.try.nft",        FACT_TEXT,   UNIT_NONE,    "Tried.",   NULL},
    { "host.try.iptables",   FACT_TEXT,   UNIT_NONE,    "Tried.",   NULL},
    FACT_END,
};

static inline const struct metric *known_metric(const char *id, const void *arg)
{
    (void)arg;
    return metric_find(known_metrics, id);
}

static inline const struct fact_row *known_fact(const char *name, const void *arg)
{
    (void)arg;
    for (const struct fact_row *f = known_facts; f->name; f++) {
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

static inline const char *known_name(unsigned index, const void *arg)
{
    (void)arg;
    const unsigned metrics = sizeof known_metrics / sizeof known_metrics[0] - 1;
    return index < metrics ? known_metrics[index].id
           : index < metrics + sizeof known_facts / sizeof known_facts[0] - 1
               ? known_facts[index - metrics].name
               : NULL;
}

static const struct profile_known known = { .metric = known_metric,
                                            .fact = known_fact,
                                            .name = known_name };

#endif
