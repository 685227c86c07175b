/*
 * made: documents made up for tests of what is concluded from events and shares.
 */
#ifndef TESTS_UNIT_REPORTS_MADE_H
#define TESTS_UNIT_REPORTS_MADE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probes/kit/auto.h"
#include "probes/kit/document.h"

#define MADE_MS UINT64_C(1000000)
#define MADE_S  UINT64_C(1000000000)

/* A measurement of the document, from 0 to 60 s; its metrics are to be filled by made_share. */
static inline struct result *made_probe(struct document *d, const char *probe, const char *peer)
{
    struct err e;
    struct result r = { 0 };
    assert_int_equal(result_open(&r, probe, probe, NULL, &e), 0);
    (void)snprintf(r.peer, sizeof r.peer, "%s", peer);
    r.duration_ns = 60 * MADE_S;
    assert_int_equal(document_take(d, &r, &e), 0);
    return &d->measurements[d->measurement_count - 1];
}

/* "value" of a share; low and high may be NAN. */
static inline void made_share(struct result *r, const char *id, double value, double low,
                              double high)
{
    r->metrics = reallocarray(r->metrics, r->metric_count + 1, sizeof *r->metrics);
    assert_non_null(r->metrics);
    struct result_metric *m = &r->metrics[r->metric_count++];
    *m = (struct result_metric){ .unit = UNIT_RATIO,
                                 .kind = METRIC_MEAN,
                                 .n = 6,
                                 .observed_ns = 6 * MADE_S,
                                 .statistic_count = 1,
                                 .statistics = { { "value", value, low, high } } };
    (void)snprintf(m->id, sizeof m->id, "%s", id);
}

/* One that watched the whole run. */
static inline void made_witness(struct document *d)
{
    struct err e;
    assert_int_equal(result_open(&d->witness, "witness", "Witness", NULL, &e), 0);
    d->witness.duration_ns = 60 * MADE_S;
    made_share(&d->witness, "witness.stall", 1, NAN, NAN);
}

static inline void made_event(struct result *r, uint64_t at_ns, uint64_t duration_ns,
                              const char *what, const char *cause, int32_t cpu)
{
    struct result_event event = { .at_ns = at_ns, .duration_ns = duration_ns, .cpu = cpu };
    (void)snprintf(event.what, sizeof event.what, "%s", what);
    (void)snprintf(event.cause, sizeof event.cause, "%s", cause);
    result_event_full(r, &event);
}

#endif
