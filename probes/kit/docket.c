#include "probes/kit/docket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/clk.h"

enum {
    DOCKET_ENTRIES_PER_CPU = 256, /* of 4-ms thefts there are 125 a second */
    DOCKET_ENTRIES_MIN = 4096,
    DOCKET_ENTRIES_MAX = 1 << 17,
    DOCKET_HALTS = 16, /* a look apart: most of a second */
};

#define DOCKET_CLOSE_NS (20 * (uint64_t)CLK_NS_PER_MS)  /* two ticks behind the end */
#define DOCKET_REACH_NS (500 * (uint64_t)CLK_NS_PER_MS) /* of the wide window, on either side */

/* What episodes took between one glimpse and the next. */
struct docket_loss {
    uint64_t lost_ns, queued_ns;
};

struct docket_entry {
    struct episode e;
    bool settled;
};

struct docket_halt {
    uint64_t from_ns, to_ns;
};

struct docket {
    struct cause_host host;
    uint64_t interval_ns;
    uint32_t cpus;
    struct glimpse glimpses[DOCKET_GLIMPSES];
    struct docket_loss *losses; /* [DOCKET_GLIMPSES][cpus]: before the glimpse of that number */
    uint64_t seen;              /* glimpses so far; the next has the number seen % 64 */
    uint64_t first_ns;          /* of the first of all */

    struct docket_entry *entries; /* ring */
    uint64_t head, tail, room;    /* kept: from tail to head, numbers that only grow */
    uint64_t settled;             /* all before this are */

    struct docket_halt halts[DOCKET_HALTS]; /* ring */
    uint64_t halted;                        /* so many so far */

    struct inquest_blame *blames; /* [cpus] */
    struct inquest_blame all, none;
    struct inquest_case cases[INQUEST_CASES]; /* longest first */
    unsigned case_count;
    uint64_t crowded;
};

static uint64_t docket_end(const struct episode *e)
{
    return e->at_ns + (e->span_ns > e->length_ns ? e->span_ns : e->length_ns);
}

static struct docket_loss *docket_loss(struct docket *d, uint64_t number, uint32_t cpu)
{
    return &d->losses[(number % DOCKET_GLIMPSES) * d->cpus + cpu];
}

static const struct glimpse *docket_glimpse(const struct docket *d, uint64_t number)
{
    return &d->glimpses[number % DOCKET_GLIMPSES];
}

/* The number of the oldest glimpse that is kept. */
static uint64_t docket_oldest(const struct docket *d)
{
    return d->seen > DOCKET_GLIMPSES - 1 ? d->seen - (DOCKET_GLIMPSES - 1) : 0;
}

struct docket *docket_open(uint32_t cpus, const struct cause_host *host, uint64_t interval_ns,
                           struct err *e)
{
    struct docket *d = calloc(1, sizeof *d);
    if (!d) {
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for the inquest");
        return NULL;
    }
    d->host = *host;
    d->interval_ns = interval_ns;
    d->cpus = cpus ? cpus : 1;
    d->room = (uint64_t)d->cpus * DOCKET_ENTRIES_PER_CPU;
    d->room = d->room < DOCKET_ENTRIES_MIN ? DOCKET_ENTRIES_MIN : d->room;
    d->room = d->room > DOCKET_ENTRIES_MAX ? DOCKET_ENTRIES_MAX : d->room;
    d->entries = calloc(d->room, sizeof *d->entries);
    d->losses = calloc((size_t)DOCKET_GLIMPSES * d->cpus, sizeof *d->losses);
    d->blames = calloc(d->cpus, sizeof *d->blames);
    bool failed = !d->entries || !d->losses || !d->blames;
    if (failed)
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for an inquest into %u CPUs", d->cpus);
    for (unsigned i = 0; i < DOCKET_GLIMPSES && !failed; i++)
        failed = glimpse_reserve(&d->glimpses[i], d->cpus, e) != 0;
    if (!failed)
        return d;
    docket_free(d);
    return NULL;
}

void docket_free(struct docket *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < DOCKET_GLIMPSES; i++)
        glimpse_release(&d->glimpses[i]);
    free(d->entries);
    free(d->losses);
    free(d->blames);
    free(d);
}

struct glimpse *docket_next(struct docket *d)
{
    return &d->glimpses[d->seen % DOCKET_GLIMPSES];
}

const struct glimpse *docket_last(const struct docket *d)
{
    return d->seen ? docket_glimpse(d, d->seen - 1) : NULL;
}

/* The last glimpse that was done by then, or the oldest. */
static uint64_t docket_before(const struct docket *d, uint64_t when_ns)
{
    uint64_t number = d->seen - 1;
    while (number > docket_oldest(d) && docket_glimpse(d, number)->until_ns > when_ns)
        number--;
    return number;
}

/* The first one that was begun at that time or later, or the last; whether it was. */
static bool docket_after(const struct docket *d, uint64_t when_ns, uint64_t *number)
{
    *number = docket_oldest(d);
    while (*number + 1 < d->seen && docket_glimpse(d, *number)->at_ns < when_ns)
        (*number)++;
    return docket_glimpse(d, *number)->at_ns >= when_ns;
}

/* What longer episodes on the same CPU, or as long and earlier ones, took between two glimpses. */
static uint64_t docket_ahead(const struct docket *d, uint64_t index, uint64_t from_ns,
                             uint64_t to_ns)
{
    const struct episode *mine = &d->entries[index % d->room].e;
    uint64_t sum_ns = 0;
    for (uint64_t i = d->tail; i < d->head; i++) {
        const struct episode *e = &d->entries[i % d->room].e;
        bool longer =
            e->length_ns > mine->length_ns || (e->length_ns == mine->length_ns && i < index);
        if (longer && e->cpu == mine->cpu && e->count == 1 && docket_end(e) >= from_ns &&
            e->at_ns <= to_ns) {
            sum_ns += e->length_ns;
        }
    }
    return sum_ns;
}

void docket_halted(struct docket *d, uint64_t from_ns, uint64_t to_ns)
{
    d->halts[d->halted++ % DOCKET_HALTS] = (struct docket_halt){ from_ns, to_ns };
}

/* Whether one that slept longer was stopped or frozen at any time of its sleep. */
static bool docket_is_halted(const struct docket *d, const struct episode *mine)
{
    bool halted = false;
    for (unsigned i = 0; i < DOCKET_HALTS; i++)
        halted |= d->halts[i].from_ns < docket_end(mine) && d->halts[i].to_ns > mine->at_ns;
    return halted;
}

/*
 * Whether another thread was stopped or frozen in most of that time. Who stops one stops all of a
 * process; a thread that was about to sleep when it was stopped cannot tell.
 */
static bool docket_is_halted_beside(const struct docket *d, const struct episode *mine)
{
    uint64_t mine_end = docket_end(mine);
    for (uint64_t i = d->tail; i < d->head; i++) {
        const struct episode *e = &d->entries[i % d->room].e;
        uint64_t from = e->at_ns > mine->at_ns ? e->at_ns : mine->at_ns;
        uint64_t to = docket_end(e) < mine_end ? docket_end(e) : mine_end;
        if (e->sleeps > 0 && e->cpu != mine->cpu && to > from && to - from > mine->length_ns / 2)
            return true;
    }
    return false;
}

/* The window between two glimpses, with the losses in it. */
static struct cause_window docket_window(struct docket *d, uint32_t cpu, uint64_t a, uint64_t b)
{
    struct cause_window w = glimpse_window(docket_glimpse(d, a), docket_glimpse(d, b), cpu);
    for (uint64_t i = a + 1; i <= b && cpu < d->cpus; i++) {
        w.lost_ns += docket_loss(d, i, cpu)->lost_ns;
        w.lost_queued_ns += docket_loss(d, i, cpu)->queued_ns;
    }
    return w;
}

/* What quotas explain is nobody else's: from kernel 6.18 it is not in the queue. */
static void docket_less_throttled(struct cause_window *w)
{
    uint64_t quota = w->throttled_ns < w->lost_ns ? w->throttled_ns : w->lost_ns;
    w->lost_ns -= quota;
    if (w->lost_queued_ns >= quota)
        w->lost_queued_ns -= quota;
    if (w->lost_queued_ns > w->lost_ns)
        w->lost_queued_ns = w->lost_ns;
}

static bool docket_is_short(const struct docket *d, const struct episode *e)
{
    return e->count == 1 && e->length_ns < 2 * d->host.tick_ns;
}

/* false: its closing glimpse has not come, and `last` is not said. */
static bool docket_judge(struct docket *d, uint64_t index, bool last, struct cause_window *w)
{
    const struct episode *e = &d->entries[index % d->room].e;
    bool wide = docket_is_short(d, e);
    uint64_t reach_ns = wide ? DOCKET_REACH_NS : 0;
    uint64_t from_ns = e->at_ns > reach_ns ? e->at_ns - reach_ns : 0;
    uint64_t b = 0;
    bool closed = docket_after(d, docket_end(e) + DOCKET_CLOSE_NS + reach_ns, &b);
    if (!closed && !last)
        return false;
    *w = docket_window(d, e->cpu, docket_before(d, from_ns), b);
    docket_less_throttled(w);
    uint64_t a = docket_before(d, e->at_ns);
    bool enclosed = docket_after(d, docket_end(e) + DOCKET_CLOSE_NS, &b);
    const struct glimpse *open = docket_glimpse(d, a);
    const struct glimpse *close = docket_glimpse(d, b);
    struct cause_window tight = glimpse_window(open, close, e->cpu);
    w->partial = !enclosed || open->until_ns > e->at_ns;
    w->throttled_ns = tight.throttled_ns;
    w->throttles = tight.throttles;
    w->suspended_ns = tight.suspended_ns;
    w->halted = docket_is_halted(d, e) || (!wide && docket_is_halted_beside(d, e));
    if (w->throttles)
        w->ahead_ns = docket_ahead(d, index, open->at_ns, close->at_ns);
    return true;
}

static void docket_keep(struct docket *d, const struct inquest_case *c)
{
    unsigned at = d->case_count;
    while (at > 0 && d->cases[at - 1].episode.length_ns < c->episode.length_ns)
        at--;
    if (at == INQUEST_CASES)
        return;
    d->case_count += d->case_count < INQUEST_CASES;
    memmove(&d->cases[at + 1], &d->cases[at], (d->case_count - at - 1) * sizeof *d->cases);
    d->cases[at] = *c;
}

static void docket_blame_add(const struct docket *d, struct inquest_blame *b,
                             const struct inquest_case *c)
{
    double length = (double)c->episode.length_ns;
    double missed = d->interval_ns ? 1 + floor(length / (double)d->interval_ns) : 0;
    for (unsigned i = 0; i < CAUSES; i++) {
        b->lost_ns[i] += c->share_ns[i];
        b->missed[i] += length > 0 ? missed * (double)c->share_ns[i] / length : 0;
    }
    b->count[c->main] += c->episode.count;
}

static void docket_verdict(struct docket *d, const struct inquest_case *c)
{
    docket_blame_add(d, &d->all, c);
    if (c->episode.cpu < d->cpus)
        docket_blame_add(d, &d->blames[c->episode.cpu], c);
    if (c->episode.count == 1)
        docket_keep(d, c);
}

static void docket_settle(struct docket *d, bool last)
{
    bool all = true; /* before this one */
    for (uint64_t i = d->settled; i < d->head; i++) {
        struct docket_entry *entry = &d->entries[i % d->room];
        struct cause_window w;
        if (!entry->settled && docket_judge(d, i, last, &w)) {
            struct inquest_case c = { .episode = entry->e };
            cause_split(&entry->e, &w, &d->host, c.share_ns);
            c.main = cause_main(c.share_ns);
            docket_verdict(d, &c);
            entry->settled = true;
        }
        all = all && entry->settled;
        d->settled += all;
    }
}

/* Settled episodes are kept as long as a wide window may reach back to them. */
static void docket_forget(struct docket *d)
{
    uint64_t now_ns = docket_last(d)->at_ns;
    while (d->tail < d->settled &&
           docket_end(&d->entries[d->tail % d->room].e) + 4 * DOCKET_REACH_NS < now_ns) {
        d->tail++;
    }
}

void docket_seen(struct docket *d)
{
    const struct glimpse *g = docket_next(d);
    if (d->seen == 0)
        d->first_ns = g->at_ns;
    d->seen++;
    for (uint32_t i = 0; i < d->cpus; i++) {
        *docket_loss(d, d->seen, i) = (struct docket_loss){ 0 };
        d->blames[i].observed_ns = g->at_ns - d->first_ns;
    }
    uint64_t online = 0;
    for (uint32_t i = 0; i < g->room; i++)
        online += g->cpus[i].present;
    if (d->seen > 1)
        d->all.observed_ns +=
            (g->at_ns - docket_glimpse(d, d->seen - 2)->at_ns) * (online ? online : 1);
    docket_settle(d, false);
    docket_forget(d);
}

/* Which interval it is counted in: that of the first glimpse after its end, or the coming one. */
static void docket_count_loss(struct docket *d, const struct episode *e)
{
    uint64_t number = d->seen;
    if (e->cpu >= d->cpus)
        return;
    while (number > docket_oldest(d) && docket_glimpse(d, number - 1)->at_ns >= docket_end(e))
        number--;
    struct docket_loss *loss = docket_loss(d, number, e->cpu);
    loss->lost_ns += e->length_ns;
    loss->queued_ns += e->queued_ns < e->length_ns ? e->queued_ns : e->length_ns;
}

void docket_add(struct docket *d, const struct episode *e)
{
    docket_count_loss(d, e);
    if (d->head - d->tail == d->room && d->tail < d->settled)
        d->tail++;
    if (d->head - d->tail == d->room) {
        struct inquest_case c = { .episode = *e, .main = CAUSE_UNKNOWN };
        c.share_ns[CAUSE_UNKNOWN] = e->length_ns;
        docket_verdict(d, &c);
        d->crowded += e->count;
        return;
    }
    d->entries[d->head++ % d->room] = (struct docket_entry){ .e = *e };
}

uint64_t docket_pending_ns(const struct docket *d)
{
    uint64_t end_ns = 0;
    for (uint64_t i = d->settled; i < d->head; i++) {
        const struct docket_entry *entry = &d->entries[i % d->room];
        if (!entry->settled && docket_end(&entry->e) > end_ns)
            end_ns = docket_end(&entry->e);
    }
    return end_ns;
}

void docket_close(struct docket *d)
{
    if (d->seen)
        docket_settle(d, true);
}

const struct inquest_blame *docket_blame(const struct docket *d, int32_t cpu)
{
    if (cpu < 0)
        return &d->all;
    return (uint32_t)cpu < d->cpus ? &d->blames[cpu] : &d->none;
}

unsigned docket_worst(const struct docket *d, struct inquest_case *cases, unsigned most)
{
    unsigned count = d->case_count < most ? d->case_count : most;
    memcpy(cases, d->cases, count * sizeof *cases);
    return count;
}

uint64_t docket_crowded(const struct docket *d)
{
    return d->crowded;
}
