#include "probes/disk/cap.h"

#include <math.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

/*
 * Repetitions end when all in flight is answered, so one of 250 ms under slices of 100 ms counts
 * up to 40 % more or 20 % less than its share; over the depths that evens out.
 */
#define CAP_LEVEL_LEAST 0.70
#define CAP_LEVEL_MOST  1.45
#define CAP_LEVEL_HELD  0.50 /* least, at a depth whose I/O waits for slices */
/* The shallowest depth belongs to the plateau only when it is held back there, not nearly there. */
#define CAP_EDGE_LEAST 0.97
/* Mean over median: 1.2 to 2 on saturated and disturbed disks, 3 to 80 under a bucket. */
#define CAP_WAITING_CLEAR 3.0
#define CAP_WAITING_SOME  2.0
#define CAP_WAITING_ALONE 6.0  /* where there is one part, so that nothing says how steady it is */
#define CAP_CV_CLEAR      0.10 /* with waiting that is clear, neighbours may disturb the rate */
#define CAP_CV_SOME       0.03
#define CAP_CV_PACED      0.02
#define CAP_FLAT_PACED    1.03 /* fastest over slowest depth of the plateau */
#define CAP_TAIL_PACED    2.0
#define CAP_GAP_SHARE     0.05 /* of a repetition: longer pauses refill the bucket */
#define CAP_ROUND_RATIO   0.02
#define CAP_QUEUE_RATIO   0.06
#define CAP_MAD_SIGMA     1.4826
#define CAP_AT_ONCE_RATIO 0.10

enum {
    CAP_SKIP_FROM = 4 /* depths of the plateau, where its first one may be left out too */
};

static const double cap_round[] = { 100,  500,   1000,  2000,  3000, 5000,
                                    7500, 10000, 15000, 16000, 30000 };
static const unsigned cap_queues[] = { 16, 31, 32, 63, 64, 127, 128 };

static int cap_compare(const void *a, const void *b)
{
    const struct cap_block *x = a;
    const struct cap_block *y = b;
    return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

void cap_sort(struct cap_block *blocks, size_t count)
{
    if (count > 0)
        qsort(blocks, count, sizeof *blocks, cap_compare);
}

static double cap_block_rate(const struct cap_block *b)
{
    return b->count * CLK_NS_PER_S / (double)b->observed_ns;
}

/* Median rate of the repetitions at depths in a range; NAN when there are none. */
static double cap_rate_between(const struct cap_curve *c, unsigned from, unsigned to, double *work)
{
    size_t n = 0;
    for (size_t i = 0; i < c->block_count; i++) {
        const struct cap_block *b = &c->blocks[i];
        if (b->depth >= from && b->depth <= to && b->observed_ns > 0)
            work[n++] = cap_block_rate(b);
    }
    return stats_median(work, n);
}

static double cap_waiting_of(const struct cap_depth *d)
{
    return d->p50_ns > 0 ? d->mean_ns / d->p50_ns : NAN;
}

/* The first of the depths, counted from the deepest, that still have one level. */
static unsigned cap_plateau(const struct cap_curve *c, double *work)
{
    unsigned last = c->depth_count - 1;
    unsigned second = last > 0 ? last - 1 : last;
    double level = cap_rate_between(c, c->depths[second].depth, c->depths[last].depth, work);
    unsigned first = last;
    for (unsigned i = last + 1; i-- > 0;) {
        double rate = cap_rate_between(c, c->depths[i].depth, c->depths[i].depth, work);
        bool held = cap_waiting_of(&c->depths[i]) >= CAP_WAITING_CLEAR;
        double least = held ? CAP_LEVEL_HELD : CAP_LEVEL_LEAST;
        if (!(rate >= least * level && rate <= CAP_LEVEL_MOST * level))
            break;
        first = i;
    }
    const struct cap_depth *edge = &c->depths[first];
    double rate = cap_rate_between(c, edge->depth, edge->depth, work);
    double waiting = first == 0 ? CAP_WAITING_SOME : CAP_WAITING_CLEAR;
    bool belongs = rate >= CAP_EDGE_LEAST * level || cap_waiting_of(edge) >= waiting;
    return first < last && !belongs ? first + 1 : first;
}

struct cap_parts {
    struct cap_part open;
    const struct cap_block *last; /* of the plateau, in this run */
    unsigned seen;                /* of this run */
    unsigned skip;                /* so many of each run do not count: a full bucket helps them */
    unsigned most;                /* repetitions of one part */
    struct cap_part *items;
    size_t n;
};

static void cap_part_close(struct cap_parts *p)
{
    if (p->open.count > 0)
        p->items[p->n++] = p->open;
    p->open = (struct cap_part){ 0 };
}

/*
 * The limiter's clock does not stand still between repetitions: a part counts from the end of the
 * repetition before it to its own end.
 */
static void cap_part_add(struct cap_parts *p, const struct cap_block *b)
{
    uint64_t last_ns = p->last ? p->last->at_ns + p->last->observed_ns : 0;
    double gap_ns = p->last ? fabs((double)b->at_ns - (double)last_ns) : INFINITY;
    bool goes_on = gap_ns <= CAP_GAP_SHARE * (double)b->observed_ns;
    if (!goes_on || p->open.repetitions == p->most)
        cap_part_close(p);
    p->seen = goes_on ? p->seen + 1 : 1;
    if (p->seen > p->skip) {
        if (p->open.count <= 0)
            p->open.since_ns = last_ns;
        p->open.count += b->count;
        p->open.repetitions++;
        p->open.until_ns = b->at_ns + b->observed_ns;
    }
    p->last = b;
}

static void cap_parts_find(const struct cap_curve *c, unsigned from, struct cap_parts *p)
{
    for (size_t i = 0; i < c->block_count; i++) {
        const struct cap_block *b = &c->blocks[i];
        if (b->depth >= from && b->observed_ns > 0) {
            cap_part_add(p, b);
        } else {
            cap_part_close(p);
            p->last = NULL;
        }
    }
    cap_part_close(p);
}

/*
 * Rates of the parts, in work; how many. A part with fewer repetitions than another is half a pass,
 * which holds more of some depths than of others. Without parts each repetition stands for itself.
 */
static size_t cap_rates(const struct cap_curve *c, unsigned first, struct cap_part *parts,
                        double *work)
{
    unsigned depths = c->depth_count - first;
    bool begins_free = first > 0 && depths >= CAP_SKIP_FROM;
    struct cap_parts p = { .items = parts, .skip = begins_free ? 2 : 1, .most = depths };
    unsigned from = c->depths[first].depth;
    unsigned most = 0;
    size_t n = 0;
    cap_parts_find(c, from, &p);
    for (size_t i = 0; i < p.n; i++)
        most = parts[i].repetitions > most ? parts[i].repetitions : most;
    for (size_t i = 0; i < p.n; i++) {
        if (parts[i].repetitions == most)
            work[n++] =
                parts[i].count * CLK_NS_PER_S / (double)(parts[i].until_ns - parts[i].since_ns);
    }
    for (size_t i = 0; p.n == 0 && i < c->block_count; i++) {
        const struct cap_block *b = &c->blocks[i];
        if (b->depth >= from && b->observed_ns > 0)
            work[n++] = cap_block_rate(b);
    }
    return n;
}

/*
 * The upper median, for neighbours can only take from a limiter's rate, and the robust spread.
 * Sorts the rates.
 */
static void cap_level(struct cap *found, double *rates, size_t n)
{
    if (n == 0)
        return;
    stats_sort(rates, n);
    found->rate = rates[n / 2];
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        rates[i] = fabs(rates[i] - found->rate);
    found->cv = CAP_MAD_SIGMA * stats_median(rates, n) / found->rate;
}

static void cap_shape(struct cap *found, const struct cap_curve *c, unsigned first)
{
    unsigned last = c->depth_count - 1;
    found->waiting = 0;
    found->tail = 0;
    for (unsigned i = first; i <= last; i++) {
        const struct cap_depth *d = &c->depths[i];
        found->waiting = fmax(found->waiting, cap_waiting_of(d));
        if (2 * i >= first + last)
            found->tail = fmax(found->tail, d->p99_ns / d->p50_ns);
    }
}

/* Of one command at a time, nothing held back: the medium's own answer, as far as it is seen. */
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
    const struct cap_depth *before = &c->depths[first - 1];
    double rate = cap_rate_between(c, before->depth, before->depth, work);
    double could = (double)before->depth * CLK_NS_PER_S / cap_base_ns(c);
    double next = (double)c->depths[first].depth * CLK_NS_PER_S / cap_base_ns(c);
    return rate >= (1 - CAP_AT_ONCE_RATIO) * could && found->rate <= next;
}

static double cap_flat(const struct cap_curve *c, unsigned first, double *work)
{
    double least = INFINITY;
    double most = 0;
    for (unsigned i = first; i < c->depth_count; i++) {
        double rate = cap_rate_between(c, c->depths[i].depth, c->depths[i].depth, work);
        least = fmin(least, rate);
        most = fmax(most, rate);
    }
    return most / least;
}

static bool cap_is_round(double rate)
{
    for (size_t i = 0; i < sizeof cap_round / sizeof *cap_round; i++) {
        if (fabs(rate / cap_round[i] - 1) <= CAP_ROUND_RATIO)
            return true;
    }
    return false;
}

static const char *cap_not_bucket(const struct cap *f)
{
    bool clear = f->waiting >= CAP_WAITING_CLEAR && f->cv <= CAP_CV_CLEAR;
    bool some = f->waiting >= CAP_WAITING_SOME && f->cv <= CAP_CV_SOME;
    bool alone = f->waiting >= CAP_WAITING_ALONE && isnan(f->cv);
    return clear || some || alone ? NULL : "its I/O does not wait for slices";
}

/* In the order in which a reader would ask. */
static const char *cap_not_paced(const struct cap *f, double flat)
{
    if (!(f->tail < CAP_TAIL_PACED))
        return "its tail is longer than a limiter makes it";
    if (!(flat <= CAP_FLAT_PACED))
        return "its rate is not the same at all depths of the plateau";
    if (!(f->cv <= CAP_CV_PACED))
        return "its rate moves as that of a saturated disk";
    if (f->queue)
        return "a queue of fixed length explains it";
    if (!f->at_once && !f->round)
        return "it comes near its rate step by step, and that rate is not a round one";
    return NULL;
}

static struct cap cap_none(const char *why)
{
    return (struct cap){ .rate = NAN, .cv = NAN, .waiting = NAN, .tail = NAN, .why_none = why };
}

struct cap cap_find(const struct cap_curve *c, struct cap_work *work)
{
    struct cap found = cap_none("too few depths were measured");
    if (c->depth_count < 2 || c->block_count == 0)
        return found;
    unsigned first = cap_plateau(c, work->rates);
    found.from = c->depths[first].depth;
    found.to = c->depths[c->depth_count - 1].depth;
    cap_level(&found, work->rates, cap_rates(c, first, work->parts, work->rates));
    cap_shape(&found, c, first);
    found.queue = cap_queue(&found, c, first);
    found.at_once = cap_at_once(&found, c, first, work->rates);
    found.round = cap_is_round(found.rate);
    if (found.to < CAP_SPAN * found.from) {
        found.why_none = "its rate still grows with the depth";
        return found;
    }
    found.why_none = cap_not_bucket(&found);
    if (!found.why_none) {
        found.kind = CAP_BUCKET;
        return found;
    }
    found.why_none = cap_not_paced(&found, cap_flat(c, first, work->rates));
    found.kind = found.why_none ? CAP_NONE : CAP_PACED;
    return found;
}
