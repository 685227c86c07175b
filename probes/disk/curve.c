#include "probes/disk/curve.h"

unsigned curve_depth(unsigned rung)
{
    return 1U << rung;
}

static double curve_best(const struct curve *c, unsigned count)
{
    double best = 0;
    for (unsigned i = 0; i < count; i++)
        best = c->iops[i] > best ? c->iops[i] : best;
    return best;
}

/* Against the best below, not the neighbour: one bad turn must not make the next a gain. */
static bool curve_gains(const struct curve *c, unsigned below, unsigned rung)
{
    return c->iops[rung] * 100 >= curve_best(c, below) * (100 + CURVE_GAIN_PERCENT);
}

bool curve_stopped(const struct curve *c, unsigned climbed)
{
    if (climbed <= CURVE_STALLS)
        return false;
    for (unsigned i = climbed - CURVE_STALLS; i < climbed; i++) {
        if (curve_gains(c, i, i))
            return false;
    }
    return true;
}

bool curve_revives(const struct curve *c, unsigned climbed, unsigned rung)
{
    return c->iops[rung] > 0 && curve_gains(c, climbed, rung);
}

unsigned curve_knee(const struct curve *c)
{
    double bar = curve_best(c, CURVE_DEPTHS) * CURVE_KNEE_PERCENT / 100;
    for (unsigned i = 0; i < CURVE_DEPTHS; i++) {
        if (c->iops[i] > 0 && c->iops[i] >= bar)
            return i;
    }
    return CURVE_NONE;
}

unsigned curve_below(const struct curve *c, unsigned rung)
{
    while (rung > 0) {
        if (c->iops[--rung] > 0)
            return rung;
    }
    return CURVE_NONE;
}

unsigned curve_above(const struct curve *c, unsigned rung)
{
    while (++rung < CURVE_DEPTHS) {
        if (c->iops[rung] > 0)
            return rung;
    }
    return CURVE_NONE;
}

bool curve_saves(const struct curve *c, int asked, double answered_iops, unsigned rung)
{
    double bar = curve_best(c, CURVE_DEPTHS) * CURVE_KNEE_PERCENT / 100;
    return (int)rung > asked || answered_iops < bar;
}
