/*
 * step: finds the one lasting change of level in a series of rates, one value a second, or finds
 * none. Pure: same series and seed, same answer. At most 3 ms for 120 values.
 *
 * The split is the one of least squares of the logarithms, since a fast disk's rate moves by more
 * than a slow one's, taken on a running median so that single bad values move nothing. It counts
 * when the two levels differ by more than STEP_LEAST_RATIO of the higher one, stand apart from the
 * noise around them, each lasts STEP_SIDE values, and none of STEP_SHUFFLES random orders of the
 * same values splits as well.
 */
#ifndef PROBES_KIT_STEP_H
#define PROBES_KIT_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Neighbours move the rate of a real disk by 7 % from second to second, and by 10 % for a while. */
#define STEP_LEAST_RATIO 0.15
/* Of the noise around the noisier level, which a step must exceed. */
#define STEP_NOISE_RATIO 2.0

enum {
    STEP_SIDE = 5, /* values that a level must last */
    STEP_WORK = 4,
    STEP_SHUFFLES = 200 /* so that chance alone finds a step in fewer than 1 of 200 series */
};

struct step {
    bool found;
    size_t at;            /* first value of the second level */
    double before, after; /* means of the levels, bad values left out; NAN when not found */
    double level;         /* of the whole series when no step was found */
    double noise_ratio; /* standard deviation around the level, the noisier one, as a share of it */
};

/* No value may be NAN or negative. work is room for STEP_WORK * n doubles. */
struct step step_find(const double *v, size_t n, double *work, uint64_t seed);

#endif
