#include "probes/kit/step.h"

#include <math.h>
#include <string.h>

#include "probes/kit/prng.h"
#include "probes/kit/stats.h"

enum {
    STEP_WINDOW = 5,    /* of the running median: up to two bad values in a row disappear */
    STEP_BAD_SIGMAS = 4 /* farther from its level a value is a bad one */
};

/* A median absolute deviation of normal noise is so much of its standard deviation. */
#define STEP_MAD_SIGMA 1.4826
/* A level without any spread still has rounding. */
#define STEP_LEAST_SIGMA_RATIO 0.005
#define STEP_STOPPED_RATIO     0.01

static void step_smooth(const double *v, size_t n, double *smooth)
{
    for (size_t i = 0; i < n; i++) {
        double window[STEP_WINDOW];
        size_t first = i < STEP_WINDOW / 2 ? 0 : i - STEP_WINDOW / 2;
        size_t last = i + STEP_WINDOW / 2 < n ? i + STEP_WINDOW / 2 : n - 1;
        size_t count = last - first + 1;
        memcpy(window, v + first, count * sizeof *v);
        smooth[i] = stats_median(window, count);
    }
}

/* What the best split explains of the sum of squares; *at is its place. */
static double step_split(const double *v, size_t n, size_t *at)
{
    double sum = 0;
    double left = 0;
    double best = -1;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    for (size_t k = 1; k <= n - STEP_SIDE; k++) {
        left += v[k - 1];
        if (k < STEP_SIDE)
            continue;
        double apart = left / (double)k - (sum - left) / (double)(n - k);
        double explained = apart * apart * (double)k * (double)(n - k) / (double)n;
        if (explained > best) {
            best = explained;
            *at = k;
        }
    }
    return best;
}

static void step_shuffle(double *v, size_t n, struct prng *prng)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t k = (size_t)prng_below(prng, i + 1);
        double kept = v[i];
        v[i] = v[k];
        v[k] = kept;
    }
}

/*
 * Whether one of many random orders splits as well, smoothed or as they are. Smoothed, a random
 * order of few values is smooth too, and may split as well as a true step; as they are, bad values
 * hide one.
 */
static bool step_is_chance(const double *v, size_t n, bool smooth, double *work, uint64_t seed)
{
    struct prng prng;
    size_t at = 0;
    double *order = smooth ? work + n : work;
    memcpy(work, v, n * sizeof *v);
    if (smooth)
        step_smooth(work, n, order);
    double explained = step_split(order, n, &at);
    prng_init_named(&prng, seed, "step");
    for (unsigned i = 0; i < STEP_SHUFFLES; i++) {
        step_shuffle(work, n, &prng);
        if (smooth)
            step_smooth(work, n, order);
        if (step_split(order, n, &at) >= explained)
            return true;
    }
    return false;
}

/* Mean without bad values; *sigma is the robust spread. */
static double step_level(const double *v, size_t n, double *work, double *sigma)
{
    double sum = 0;
    size_t count = 0;
    memcpy(work, v, n * sizeof *v);
    double middle = stats_median(work, n);
    for (size_t i = 0; i < n; i++)
        work[i] = fabs(v[i] - middle);
    *sigma = STEP_MAD_SIGMA * stats_median(work, n);
    double far = STEP_BAD_SIGMAS * fmax(*sigma, STEP_LEAST_SIGMA_RATIO * fabs(middle));
    for (size_t i = 0; i < n; i++) {
        bool fits = fabs(v[i] - middle) <= far;
        sum += fits ? v[i] : 0;
        count += fits;
    }
    return sum / (double)count;
}

/* The running median moves an edge by a value or two; the values next to it say where it is. */
static size_t step_edge(const double *v, size_t n, size_t at, double before, double after)
{
    double best = INFINITY;
    size_t found = at;
    size_t first = at > STEP_WINDOW ? at - STEP_WINDOW : 1;
    size_t last = at + STEP_WINDOW < n ? at + STEP_WINDOW : n - 1;
    for (size_t k = first; k <= last; k++) {
        double cost = 0;
        for (size_t i = first; i < last; i++)
            cost += fabs(v[i] - (i < k ? before : after));
        if (cost < best) {
            best = cost;
            found = k;
        }
    }
    return found;
}

/* Whether the levels of the logarithms on both sides of s->at stand apart. */
static bool step_apart(struct step *s, const double *logs, size_t n, double *work)
{
    double sigma_before;
    double sigma_after;
    double before = step_level(logs, s->at, work, &sigma_before);
    double after = step_level(logs + s->at, n - s->at, work, &sigma_after);
    double apart = fabs(before - after);
    s->noise_ratio = fmax(sigma_before, sigma_after);
    return apart > -log(1 - STEP_LEAST_RATIO) && apart > STEP_NOISE_RATIO * s->noise_ratio;
}

/* Nothing is slower than a hundredth of the usual: a stop of the disk is one bad value like any. */
static void step_logs(const double *v, size_t n, double *work, double *logs)
{
    memcpy(work, v, n * sizeof *v);
    double least = fmax(stats_median(work, n) * STEP_STOPPED_RATIO, 1);
    for (size_t i = 0; i < n; i++)
        logs[i] = log(fmax(v[i], least));
}

static bool step_search(struct step *s, const double *logs, size_t n, double *work, uint64_t seed)
{
    double sigma;
    step_smooth(logs, n, work);
    (void)step_split(work, n, &s->at);
    if (!step_apart(s, logs, n, work) ||
        (step_is_chance(logs, n, true, work, seed) && step_is_chance(logs, n, false, work, seed)))
        return false;
    double before = step_level(logs, s->at, work, &sigma);
    double after = step_level(logs + s->at, n - s->at, work, &sigma);
    s->at = step_edge(logs, n, s->at, before, after);
    return s->at >= STEP_SIDE && n - s->at >= STEP_SIDE && step_apart(s, logs, n, work);
}

struct step step_find(const double *v, size_t n, double *work, uint64_t seed)
{
    struct step s = { .before = NAN, .after = NAN, .level = NAN, .noise_ratio = NAN };
    double *logs = work + (STEP_WORK - 1) * n;
    double sigma;
    if (n == 0)
        return s;
    s.level = step_level(v, n, work, &sigma);
    step_logs(v, n, work, logs);
    s.found = n >= (size_t)2 * STEP_SIDE && step_search(&s, logs, n, work, seed);
    if (s.found) {
        s.before = step_level(v, s.at, work, &sigma);
        s.after = step_level(v + s.at, n - s.at, work, &sigma);
    } else {
        s.at = 0;
        s.noise_ratio = sigma / s.level;
    }
    return s;
}
