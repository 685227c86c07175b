#include "probes/noise/credit.h"

#include <math.h>
#include <string.h>

#include "probes/kit/stats.h"

enum {
    CREDIT_STRETCHES = 64
};

#define CREDIT_PLAN_RATIO                                                                          \
    0.08 /* a published level is met so closely, what it measures included                         \
          */
#define CREDIT_EXPLAINED 0.5

/* Mean of the middle half: bad values do not move it, and where quotas of 100 ms fall into a value
 * now twice and now three times it lies between. */
static double credit_middle(const double *v, size_t n, double *work)
{
    memcpy(work, v, n * sizeof *v);
    stats_sort(work, n);
    return stats_mean(work + n / 4, n - n / 4 * 2);
}

static bool credit_near(double a, double b, double ratio)
{
    return fabs(a - b) <= ratio * fmax(a, b);
}

/* Whether both halves lie on one level: neither a ramp nor two steps. */
static bool credit_is_flat(const double *v, size_t n, double *work)
{
    double first = credit_middle(v, n / 2, work);
    double second = credit_middle(v + n / 2, n - n / 2, work);
    return credit_near(first, second, CREDIT_FLAT_RATIO);
}

static bool credit_is_bucket(const struct credit *c, const double *v, size_t n, double *work)
{
    if (!(c->level_ratio >= CREDIT_LEVEL_LEAST && c->level_ratio <= CREDIT_LEVEL_MOST) ||
        n - c->at < CREDIT_HOLD)
        return false;
    double tail = credit_middle(v + n - CREDIT_TAIL, CREDIT_TAIL, work);
    return credit_is_flat(v, c->at, work) && credit_is_flat(v + c->at, n - c->at, work) &&
           credit_near(tail, c->after, CREDIT_TAIL_RATIO);
}

struct credit credit_find(const double *v, size_t n, double *work, uint64_t seed)
{
    struct credit c = { .before = NAN, .after = NAN, .level_ratio = NAN, .noise_ratio = NAN };
    if (n < (size_t)STEP_SIDE + CREDIT_HOLD)
        return c;
    struct step step = step_find(v, n, work, seed);
    c.noise_ratio = step.noise_ratio;
    c.verdict = step.noise_ratio > CREDIT_WILD_RATIO ? CREDIT_WILD : CREDIT_HELD;
    if (!step.found)
        return c;
    c.at = step.at;
    c.before = step.before;
    c.after = step.after;
    c.level_ratio = step.after / step.before;
    c.verdict = credit_is_bucket(&c, v, n, work) ? CREDIT_BUCKET : CREDIT_CHANGED;
    return c;
}

double credit_drift(const double *v, size_t n)
{
    double means[CREDIT_STRETCHES];
    double slopes[CREDIT_STRETCHES * (CREDIT_STRETCHES - 1) / 2];
    size_t found = 0;
    size_t stretches = n < CREDIT_STRETCHES ? n : CREDIT_STRETCHES;
    if (n < CREDIT_DRIFT)
        return NAN;
    for (size_t i = 0; i < stretches; i++) {
        size_t first = i * n / stretches;
        means[i] = stats_mean(v + first, (i + 1) * n / stretches - first);
    }
    for (size_t i = 0; i < stretches; i++) {
        for (size_t k = 0; k < i; k++)
            slopes[found++] = (means[i] - means[k]) / (double)(i - k);
    }
    double slope = stats_median(slopes, found) * (double)stretches / (double)n;
    double level = stats_median(means, stretches);
    return level > 0 ? slope / level : NAN;
}

bool credit_explains(double level_ratio, double before_ratio, double after_ratio)
{
    return after_ratio - before_ratio >= CREDIT_EXPLAINED * (1 - level_ratio);
}

struct credit_row {
    double level_ratio;
    const char *plan;
};

/* SOURCE: as in the header; of one vCPU, with all of them busy. */
static const struct credit_row credit_plans[] = {
    {0.05,   "EC2 t2.nano and t3.nano, Azure B1ls"            },
    { 0.10,  "EC2 t2.micro, t3.micro and t4g.micro, Azure B1s"},
    { 0.125, "Google e2-micro"                                },
    { 0.17,  "EC2 t2.2xlarge, Azure B8ms"                     },
    { 0.20,  "EC2 t3.small and t3.medium, Azure B1ms and B2s" },
    { 0.225, "EC2 t2.xlarge, Azure B4ms"                      },
    { 0.25,  "Google e2-small"                                },
    { 0.30,  "EC2 t3.large, Azure B2ms"                       },
    { 0.40,  "EC2 t3.xlarge and t3.2xlarge"                   },
    { 0.50,  "Google e2-medium"                               },
};

const char *credit_plan(double level_ratio)
{
    const char *best = NULL;
    double nearest = CREDIT_PLAN_RATIO;
    for (size_t i = 0; i < sizeof credit_plans / sizeof credit_plans[0]; i++) {
        double off = fabs(level_ratio / credit_plans[i].level_ratio - 1);
        if (off < nearest) {
            nearest = off;
            best = credit_plans[i].plan;
        }
    }
    return best;
}
