/*
 * split: the parts of a probe_run, as the bench makes them, for a probe under test: rows by its
 * metric table and an opened result for each name.
 *
 *     struct split s;
 *     split_open(&s, &net_rtt, &e); s.run.conf = ...; net_rtt.setup(&s.run, &e); split_release(&s);
 */
#ifndef TESTS_UNIT_PROBES_SPLIT_H
#define TESTS_UNIT_PROBES_SPLIT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/probe.h"

enum {
    SPLIT_PARTS = 16
};

struct split {
    const struct probe *probe;
    struct probe_part parts[SPLIT_PARTS];
    unsigned count;
    struct probe_run run; /* the one that the probe gets */
};

static inline int split_add(struct split *s, const char *name, struct err *e)
{
    struct probe_part *p = &s->parts[s->count++];
    *p = (struct probe_part){ .hists = calloc(LIMITS_METRICS, sizeof *p->hists),
                              .values = calloc(LIMITS_METRICS, sizeof *p->values),
                              .observed_ns = calloc(LIMITS_METRICS, sizeof *p->observed_ns),
                              .result = calloc(1, sizeof *p->result) };
    if (result_open(p->result, s->probe->name, s->probe->title, s->probe->metrics, e))
        return -1;
    (void)snprintf(p->result->peer, sizeof p->result->peer, "%s", name);
    for (unsigned i = 0; i < p->result->metric_count; i++) {
        p->values[i] = NAN;
        if (s->probe->metrics[i].kind == METRIC_HIST &&
            hist_open(&p->hists[i], UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
            return -1;
    }
    return 0;
}

static inline void split_show(struct split *s)
{
    s->run.parts = s->parts;
    s->run.part_count = s->count;
    s->run.hists = s->parts[0].hists;
    s->run.values = s->parts[0].values;
    s->run.observed_ns = s->parts[0].observed_ns;
    s->run.result = s->parts[0].result;
}

static inline int split_run(struct probe_run *run, const char *const *names, unsigned count,
                            struct err *e)
{
    struct split *s = (struct split *)(void *)((char *)run - offsetof(struct split, run));
    (void)snprintf(s->parts[0].result->peer, LIMITS_PEER_BYTES, "%s", names[0]);
    for (unsigned i = 1; i < count && s->count < SPLIT_PARTS; i++) {
        if (split_add(s, names[i], e))
            return -1;
    }
    split_show(s);
    return 0;
}

/* Fills s->run, whose other members the test sets afterwards. */
static inline int split_open(struct split *s, const struct probe *probe, struct err *e)
{
    *s = (struct split){ .probe = probe };
    if (split_add(s, "", e))
        return -1;
    s->run.split = split_run;
    split_show(s);
    return 0;
}

static inline void split_release(struct split *s)
{
    for (unsigned k = 0; k < s->count; k++) {
        struct probe_part *p = &s->parts[k];
        for (unsigned i = 0; i < p->result->metric_count; i++)
            hist_release(&p->hists[i]);
        result_release(p->result);
        free(p->hists);
        free(p->values);
        free(p->observed_ns);
        free(p->result);
    }
    s->count = 0;
}

#endif
