/*
 * verdict: profiles held against a document. Pure.
 *
 * A role is as good as its worst criterion. Where a 95 % interval straddles a bound the class of
 * the point value stands and is flagged close; so is a quantile whose sample cannot bound it from
 * above. Headroom is the factor between value and bound, above 1 on the good side. The score is the
 * smallest criterion score: 50 at the fit bound, 100 at four times better, 0 at the unfit bound,
 * log scale between; it is explained by one criterion, always. Words and versions have no scale:
 * fit none, marginal 25, unfit 0.
 *
 * Of a metric that was measured to several peers the worst peer is judged; one without a value is
 * left to the others, and is an unknown criterion to strict.
 *
 * Unknown criteria leave the grade to the known ones, with two limits: with strict one unknown
 * criterion makes the role unknown unless it is unfit already; and where no metric at all was
 * measured a role is unknown unless a fact makes it unfit, since facts alone make no host fit.
 */
#ifndef REPORTS_VERDICT_H
#define REPORTS_VERDICT_H

#include <stdbool.h>

#include "probes/kit/document.h"
#include "reports/profile.h"

struct finding {                       /* one criterion, answered */
    const struct criterion *criterion; /* borrowed from the profile */
    enum grade grade;                  /* GRADE_UNKNOWN: not measured or untrusted; see reason */
    bool close;                        /* the interval straddles a bound */
    double value, low, high;           /* NAN when it is a word or unknown */
    double headroom;                   /* fit bound: > 1 inside; NAN when there is none */
    double score; /* 0..100; NAN when the criterion has no scale and is fit, or unknown */
    uint64_t n, observed_ns;
    double rate_bound_per_hour;     /* rare criteria: 3/t; NAN otherwise */
    char probe[64];                 /* where the value comes from */
    char value_text[160];           /* "237 us", "kvm", "missing: MEMCG", "none in 58 s" */
    char bound_text[64];            /* "<= 10.0 ms", "not openvz" */
    char reason[LIMITS_TEXT_BYTES]; /* unknown: why; else "" */
    char peer[LIMITS_PEER_BYTES];   /* whom the value is of, the worst of several; "" for none */
    unsigned peers, absent;         /* how many were measured, and how many of them have no value */
    char others[160];               /* "node-c 1.10 ms, node-d 900 us and 3 more"; "" for none */
    char absent_name[96];           /* the first without a value: "net.rtt@node-e" */
    char absent_how[24];            /* "failed" */
    char absent_reason[LIMITS_TEXT_BYTES];
};

struct verdict {                   /* one role */
    const struct profile *profile; /* borrowed */
    enum grade grade;
    double score;   /* NAN when unknown */
    int decided_by; /* index of the deciding finding, -1 when nothing was known */
    unsigned known, unknown, close;
    struct finding *findings; /* owned, as many as profile->count, in its order */
};

/* strict: one unknown criterion makes the role unknown. */
int verdict_of(const struct profile *p, const struct document *d, bool strict, struct verdict *v,
               struct err *e);
void verdict_release(struct verdict *v); /* idempotent */

/* Of one criterion; exposed for the score's own tests. */
enum grade verdict_grade(const struct criterion *c, double value);
double verdict_score(const struct criterion *c, double value);
double verdict_headroom(const struct criterion *c, double value);

#endif
