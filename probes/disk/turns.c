#include "probes/disk/turns.h"

void turns_init(struct turns *t, bool queues, bool paces)
{
    *t = (struct turns){ .queues = queues, .paces = paces };
}

/* The next rung of the climb, or CURVE_NONE when it is over. */
static unsigned turns_climb(struct turns *t, const struct curve *c, uint64_t time_left)
{
    unsigned rungs = t->queues ? CURVE_DEPTHS : CURVE_QD1 + 1;
    bool stopped = curve_stopped(c, t->climbed);
    bool short_of = time_left <= TURNS_RESERVE + (t->paces ? TURNS_PACED_LENGTH : 0);
    if (t->climbed == 0 || t->climbed == rungs)
        return t->climbed < rungs ? t->climbed++ : CURVE_NONE;
    if ((stopped || short_of) && t->climbed <= CURVE_QD32 && !t->skipped) {
        t->skipped = true;
        return CURVE_QD32;
    }
    if (stopped && !curve_revives(c, t->climbed, CURVE_QD32))
        return CURVE_NONE;
    t->hurried = short_of;
    return short_of ? CURVE_NONE : t->climbed++;
}

static unsigned turns_bit(unsigned turn)
{
    return turn == CURVE_NONE ? 0 : 1U << turn;
}

static unsigned turns_round(const struct turns *t, const struct curve *c)
{
    unsigned knee = curve_knee(c);
    unsigned round = turns_bit(CURVE_QD1);
    if (t->queues)
        round |= turns_bit(CURVE_QD32);
    if (knee != CURVE_NONE)
        round |=
            turns_bit(knee) | turns_bit(curve_below(c, knee)) | turns_bit(curve_above(c, knee));
    bool first = t->rounds < TURNS_FIRST_ROUNDS;
    unsigned other = 1 + (t->rounds - TURNS_FIRST_ROUNDS) % (CURVE_DEPTHS - 1);
    if (!first && c->iops[other] > 0) /* one bad turn is not to stand for a depth */
        round |= turns_bit(other);
    if (t->paces && (first || t->rounds % 2 == 0))
        round |= turns_bit(TURNS_PACED);
    return round;
}

/*
 * At a pace first, so that a short slot has a turn of it; then the deepest and downwards. A limiter
 * saves up what is not asked for, and lets it through at once later: the deepest uses it up soonest
 * (before it is timed), and none that follows saves any.
 */
static unsigned turns_first(unsigned round)
{
    return 31 - (unsigned)__builtin_clz(round);
}

unsigned turns_next(struct turns *t, const struct curve *c, uint64_t time_left)
{
    unsigned rung = t->settled ? CURVE_NONE : turns_climb(t, c, time_left);
    if (rung != CURVE_NONE)
        return rung;
    t->settled = true;
    if (t->left == 0) {
        t->left = turns_round(t, c);
        t->rounds++;
    }
    unsigned turn = turns_first(t->left);
    t->left &= ~turns_bit(turn);
    return turn;
}
