#include "probes/disk/cap.h"

#include <limits.h>
#include <math.h>

#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

/* Of a depth's repetitions, that have the one rate where it belongs to the plateau. */
#define CAP_DEPTH_SHARE 0.30
/* Of the plateau's. Neighbours keep a limiter's rate from being reached now and then. */
#define CAP_SHARE_LEAST 0.40
#define CAP_SHARE_MOST  0.80
/* Mean over median: 1.2 to 2.5 on saturated and disturbed disks, 3 to 150 under a bucket. */
#define CAP_WAITING_CLEAR 3.0
#define CAP_WAITING_SOME  2.0
#define CAP_TAIL_PACED    2.0
#define CAP_GROWS_RATIO   1.10 /* of a depth beyond the plateau: it is none */
#define CAP_ROUND_RATIO   0.02
#define CAP_QUEUE_RATIO   0.06
#define CAP_AT_ONCE_RATIO 0.10
/* Agreement to the digit, and how often. */
#define CAP_SHARP_RATIO 0.002
#define CAP_SHARP_SHARE 0.20

enum {
    CAP_SHARP_COUNT = 200, /* I/Os, so that the ratio is less than one of them */
    CAP_SHARP_LEAST = 3
};

static const double cap_round[] = { 100,  500,   1000,  2000,  3000, 5000,
                                    7500, 10000, 15000, 16000, 30000 };
static const unsigned cap_queues[] = { 16, 31, 32, 63, 64, 127, 128 };

/* One I/O more or less is no difference. */
static bool cap_is_same(const struct cap_block *b, double rate)
{
    double one = b->count > 0 ? rate / b->count * (b->rate / rate) : 0;
    return fabs(b->rate - rate) <= fmax(CAP_SAME_RATIO * rate, one);
}

static unsigned cap_same(const struct cap_curve *c, double rate)
{
    unsigned same = 0;
    for (size_t i = 0; i < c->block_count; i++)
        same += cap_is_same(&c->blocks[i], rate);
    return same;
}

/* The rate that most repetitions have: their mean. Every repetition's rate is tried. */
static double cap_mode(const struct cap_curve *c)
{
    double best = NAN;
    unsigned most = 0;
    for (size_t i = 0; i < c->block_count; i++) {
        unsigned same = cap_same(c, c->blocks[i].rate);
        if (same > most && c->blocks[i].rate > 0) {
            most = same;
            best = c->blocks[i].rate;
        }
    }
    double sum = 0;
    for (size_t i = 0; i < c->block_count; i++)
        sum += cap_is_same(&c->blocks[i], best) ? c->blocks[i].rate : 0;
    return most > 0 ? sum / most : NAN;
}

/* Of the repetitions at depths in a range, the share that have a rate; *same how many. */
static double cap_share(const struct cap_curve *c, unsigned from, unsigned to, double rate,
                        unsigned *same)
{
    unsigned all = 0;
    *same = 0;
    for (size_t i = 0; i < c->block_count; i++) {
        const struct cap_block *b = &c->blocks[i];
        bool inside = b->depth >= from && b->depth <= to;
        all += inside;
        *same += inside && cap_is_same(b, rate);
    }
    return all > 0 ? (double)*same / all : 0;
}

/* Median rate at one depth; NAN when there is none. */
static double cap_rate_at(const struct cap_curve *c, unsigned depth, double *work)
{
    size_t n = 0;
    for (size_t i = 0; i < c->block_count; i++) {
        if (c->blocks[i].depth == depth)
            work[n++] = c->blocks[i].rate;
    }
    return stats_median(work, n);
}

/* The depths where the one rate is at home; *first and *last are rows of c->depths. */
static bool cap_plateau(const struct cap_curve *c, struct cap *found, unsigned *first,
                        unsigned *last)
{
    bool any = false;
    for (unsigned i = 0; i < c->depth_count; i++) {
        unsigned depth = c->depths[i].depth;
        unsigned same;
        if (cap_share(c, depth, depth, found->rate, &same) < CAP_DEPTH_SHARE)
            continue;
        *first = any ? *first : i;
        *last = i;
        any = true;
    }
    if (!any)
        return false;
    found->from = c->depths[*first].depth;
    found->to = c->depths[*last].depth;
    found->share = cap_share(c, found->from, found->to, found->rate, &found->same);
    return true;
}

/* A deeper queue brings more. */
static bool cap_grows(const struct cap_curve *c, const struct cap *found, unsigned last,
                      double *work)
{
    for (unsigned i = last + 1; i < c->depth_count; i++) {
        if (cap_rate_at(c, c->depths[i].depth, work) > CAP_GROWS_RATIO * found->rate)
            return true;
    }
    return false;
}

static void cap_shape(struct cap *found, const struct cap_curve *c, unsigned first, unsigned last)
{
    found->waiting = 0;
    found->tail = 0;
    for (unsigned i = first; i <= last; i++) {
        const struct cap_depth *d = &c->depths[i];
        found->waiting = fmax(found->waiting, d->mean_ns / d->p50_ns);
        if (2 * i >= first + last)
            found->tail = fmax(found->tail, d->p99_ns / d->p50_ns);
    }
}

/* One at a time, nothing held back: the medium's own answer, as far as it is seen. */
static double cap_base_ns(const struct cap_curve *c)
{
    return c->depths[0].p50_ns;
}

static unsigned cap_queue(const struct cap *found, const struct cap_curve *c, unsigned first)
{
    double parallel = found->rate * cap_base_ns(c) / CLK_NS_PER_S;
    unsigned before = first > 0 ? c->depths[first - 1].depth : 0;
    for (size_t i = 0; i < sizeof cap_queues / sizeof *cap_queues; i++) {
        unsigned queue = cap_queues[i];
        if (fabs(parallel / queue - 1) <= CAP_QUEUE_RATIO && queue > before)
            return queue;
    }
    return 0;
}

/* The depth before the plateau still brought all it could, and the next one met the plateau. */
static bool cap_at_once(const struct cap *found, const struct cap_curve *c, unsigned first,
                        double *work)
{
    if (first == 0)
        return true;
    unsigned before = c->depths[first - 1].depth;
    double could = (double)before * CLK_NS_PER_S / cap_base_ns(c);
    double next = (double)found->from * CLK_NS_PER_S / cap_base_ns(c);
    return cap_rate_at(c, before, work) >= (1 - CAP_AT_ONCE_RATIO) * could && found->rate <= next;
}

static bool cap_is_round(double rate)
{
    for (size_t i = 0; i < sizeof cap_round / sizeof *cap_round; i++) {
        if (fabs(rate / cap_round[i] - 1) <= CAP_ROUND_RATIO)
            return true;
    }
    return false;
}

static bool cap_is_bucket(const struct cap *f)
{
    bool clear = f->waiting >= CAP_WAITING_CLEAR && f->share >= CAP_SHARE_LEAST;
    bool some =
        f->waiting >= CAP_WAITING_SOME && f->share >= CAP_SHARE_MOST && f->to >= CAP_SPAN * f->from;
    return clear || some;
}

/* In the order in which a reader would ask; NULL when nothing speaks against it. */
static const char *cap_not_paced(const struct cap *f)
{
    if (f->to < CAP_SPAN * f->from)
        return "its rate is the same at too few depths";
    if (!(f->tail < CAP_TAIL_PACED))
        return "its tail is longer than a limiter makes it";
    if (!(f->share >= CAP_SHARE_MOST))
        return "its rate moves as that of a saturated disk";
    if (f->queue)
        return "a queue of fixed length explains it";
    if (!f->at_once && !f->round)
        return "it comes near its rate step by step, and that rate is not a round one";
    return NULL;
}

static struct cap cap_none(const char *why)
{
    return (struct cap){ .rate = NAN, .waiting = NAN, .tail = NAN, .why_none = why };
}

static bool cap_is_sharp(const struct cap_block *b, double rate)
{
    return b->count >= CAP_SHARP_COUNT && fabs(b->rate - rate) <= CAP_SHARP_RATIO * rate;
}

static unsigned cap_row(const struct cap_curve *c, unsigned depth)
{
    unsigned row = 0;
    while (row + 1 < c->depth_count && c->depths[row].depth < depth)
        row++;
    return row;
}

/* Repetitions that agree to the digit with that one; sets their rate, number and depths. */
static void cap_sharp_at(const struct cap_curve *c, double rate, struct cap *found)
{
    *found = (struct cap){ .rate = rate, .from = UINT_MAX };
    for (size_t i = 0; i < c->block_count; i++) {
        const struct cap_block *b = &c->blocks[i];
        if (!cap_is_sharp(b, rate))
            continue;
        found->same++;
        found->from = b->depth < found->from ? b->depth : found->from;
        found->to = b->depth > found->to ? b->depth : found->to;
    }
}

/*
 * Where neighbours keep most repetitions from a limiter's rate, a few that agree to the digit while
 * their I/O waits for slices: chance brings three of ten so near to each other once in 3,000 times.
 */
static bool cap_sharp(const struct cap_curve *c, struct cap *found, double *work)
{
    struct cap best = { .same = 0 };
    unsigned all;
    for (size_t i = 0; i < c->block_count; i++) {
        struct cap one;
        cap_sharp_at(c, c->blocks[i].rate, &one);
        if (one.same > best.same)
            best = one;
    }
    if (best.same < CAP_SHARP_LEAST)
        return false;
    unsigned first = cap_row(c, best.from);
    unsigned last = cap_row(c, best.to);
    best.share = cap_share(c, best.from, best.to, best.rate, &all);
    best.round = cap_is_round(best.rate);
    cap_shape(&best, c, first, last);
    if (best.waiting < CAP_WAITING_CLEAR || best.share < CAP_SHARP_SHARE ||
        cap_grows(c, &best, last, work)) {
        return false;
    }
    best.kind = CAP_BUCKET;
    *found = best;
    return true;
}

static struct cap cap_steady(const struct cap_curve *c, double *work)
{
    unsigned first = 0;
    unsigned last = 0;
    struct cap found = cap_none("no rate came again");
    found.rate = cap_mode(c);
    unsigned least = c->block_count < CAP_LEAST ? (unsigned)c->block_count : CAP_LEAST;
    if (!cap_plateau(c, &found, &first, &last) || found.same < least)
        return found;
    cap_shape(&found, c, first, last);
    found.queue = cap_queue(&found, c, first);
    found.at_once = cap_at_once(&found, c, first, work);
    found.round = cap_is_round(found.rate);
    if (cap_grows(c, &found, last, work)) {
        found.why_none = "its rate still grows with the depth";
        return found;
    }
    found.why_none = cap_is_bucket(&found) ? NULL : cap_not_paced(&found);
    if (!found.why_none)
        found.kind = cap_is_bucket(&found) ? CAP_BUCKET : CAP_PACED;
    return found;
}

struct cap cap_find(const struct cap_curve *c, double *work)
{
    if (c->depth_count < 2 || c->block_count < 2)
        return cap_none("too few depths were measured");
    struct cap found = cap_steady(c, work);
    if (found.kind == CAP_NONE)
        (void)cap_sharp(c, &found, work);
    return found;
}
