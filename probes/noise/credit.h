/*
 * credit: whether a processor that was busy all the time was cut back for good, as one is whose
 * bucket of CPU credits has run dry, and how its speed drifted. Pure: same series and seed, same
 * answer.
 *
 * The series is the work that all CPUs did in equal times, in order. A processor that is cut back
 * keeps the speed of its instructions and loses slices of time: the work done shows it, the median
 * of short pieces of it would not.
 *
 * A bucket: step finds one lasting change; it is a fall to CREDIT_LEVEL_LEAST..MOST of the first
 * level; each level is flat (its halves agree within CREDIT_FLAT_RATIO), so no ramp; the second
 * lasts CREDIT_HOLD values at least and stands at the end. What recovered, or fell otherwise, is a
 * change, and no bucket.
 * SOURCE of the levels: AWS EC2 User Guide, "Key concepts for burstable performance instances"
 * (baseline of a vCPU 5 % to 40 %); Google Compute Engine, shared-core machine types (12.5 %, 25 %,
 * 50 %); Azure Bsv1 series (5 % to 30 %).
 */
#ifndef PROBES_NOISE_CREDIT_H
#define PROBES_NOISE_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/step.h"

#define CREDIT_LEVEL_LEAST 0.03
#define CREDIT_LEVEL_MOST  0.70
#define CREDIT_FLAT_RATIO  0.15
#define CREDIT_TAIL_RATIO  0.25
#define CREDIT_WILD_RATIO  0.15 /* of the level, its deviation: small falls hide in it */

enum {
    CREDIT_HOLD = 8,   /* values that the second level must last */
    CREDIT_TAIL = 4,   /* of the end, that still lie on it */
    CREDIT_DRIFT = 40, /* values without which a slope is noise */
    CREDIT_WORK = STEP_WORK
};

enum credit_verdict {
    CREDIT_FEW,     /* too few values to say */
    CREDIT_HELD,    /* no step: the speed held */
    CREDIT_WILD,    /* no step was found, but it moved too much all the time to be sure */
    CREDIT_CHANGED, /* for a while or for good, and not as a bucket does */
    CREDIT_BUCKET
};

struct credit {
    enum credit_verdict verdict;
    size_t at;            /* first value of the second level; 0 without a step */
    double before, after; /* NAN without a step */
    double level_ratio;   /* after / before */
    double noise_ratio;   /* deviation around the levels; NAN when there are too few values */
};

/* No value may be NAN or negative. work is room for CREDIT_WORK * n doubles. */
struct credit credit_find(const double *v, size_t n, double *work, uint64_t seed);
/*
 * The slope of the series in shares of its median for each value, by the median of the slopes
 * between all pairs of up to 64 stretches (Theil, Sen): single bad values do not move it. NAN for
 * fewer than CREDIT_DRIFT values or a median of 0.
 */
double credit_drift(const double *v, size_t n);
/*
 * Whether a loss that rose from one share of the time to another (of steal, or of waiting for a
 * CPU) is at least half of what a fall to that level needs. False with a NAN.
 */
bool credit_explains(double level_ratio, double before_ratio, double after_ratio);
/* Whose published level of a cut-back vCPU this is, "EC2 t3.micro, ..."; NULL: nobody's. */
const char *credit_plan(double level_ratio);

#endif
