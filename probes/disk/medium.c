#include "probes/disk/medium.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probes/disk/medium_signs.h"
#include "probes/disk/plans.h"
#include "probes/kit/auto.h"

static struct medium_io medium_io_nothing(void)
{
    struct medium_io io = { .qd1_p50_ns = NAN, .fast_ratio = NAN };
    io.qd1_iops = io.qd32_iops = io.deep_iops = io.best_iops = NAN;
    io.cap.rate = io.cap.waiting = io.cap.tail = NAN;
    return io;
}

struct medium_curve medium_nothing(void)
{
    struct medium_curve c = { .read = medium_io_nothing(), .write = medium_io_nothing() };
    c.stream_read.bytes_per_s = c.stream_read.cv = NAN;
    c.stream_write.bytes_per_s = c.stream_write.cv = NAN;
    c.wal_sync_p50_ns = c.wal_sync_p99_ns = NAN;
    c.flush_write_p50_ns = c.flush_sync_p50_ns = NAN;
    c.burst.before = c.burst.after = c.burst.since_s = NAN;
    c.burst.machine = "";
    c.size_bytes = NAN;
    return c;
}

static bool medium_satisfies(const struct medium_class *k, unsigned signs)
{
    return (signs & k->all) == k->all && (!k->any || (signs & k->any)) && !(signs & k->none);
}

/* "unknown" has no rule. */
static bool medium_is_known(const struct medium_class *k)
{
    return k->all || k->any;
}

/* The first class whose rule holds, else "unknown". */
static const struct medium_class *medium_class_of(unsigned signs)
{
    const struct medium_class *const *k = medium_classes;
    while (k[1] && !medium_satisfies(*k, signs))
        k++;
    return *k;
}

static void medium_add(struct medium *m, const struct buf *text)
{
    if (text->size > 0 && m->evidence_count < MEDIUM_EVIDENCE)
        (void)snprintf(m->evidence[m->evidence_count++], LIMITS_TEXT_BYTES, "%s", buf_text(text));
}

/* The signs of a mask as sentences with a word before them; how many. */
static unsigned medium_tell(struct medium *m, const struct medium_curve *c, unsigned mask,
                            const char *word, const char *what)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MEDIUM_SIGNS; i++) {
        AUTO(buf) struct buf text = { 0 };
        if (!(mask & (1U << i)) || i == MEDIUM_CAPPED)
            continue;
        buf_addf(&text, "%s%s: ", word, what);
        medium_signs_say((enum medium_sign)i, c, &text);
        buf_adds(&text, ".");
        medium_add(m, &text);
        count++;
    }
    return count;
}

static void medium_reason(struct medium *m, const struct medium_curve *c, unsigned mask)
{
    AUTO(buf) struct buf text = { 0 };
    for (unsigned i = 0; i < MEDIUM_SIGNS; i++) {
        if (!(mask & (1U << i)) || i == MEDIUM_CAPPED)
            continue;
        buf_adds(&text, text.size > 0 ? "; " : "");
        medium_signs_say((enum medium_sign)i, c, &text);
    }
    (void)snprintf(m->because, sizeof m->because, "%s", buf_text(&text));
}

/* One limit that a limiter may set. */
struct medium_cap {
    const char *of; /* "4 KiB reads" */
    enum plans_of plans;
    enum unit unit;
    double rate;
    const struct cap *seen; /* in random I/O; NULL: not there */
};

static void medium_say_seen(const struct medium_cap *cap, struct buf *text)
{
    char rate[UNITS_TEXT_BYTES];
    const struct cap *seen = cap->seen;
    if (!seen || seen->kind == CAP_NONE)
        return;
    if (cap->unit == UNIT_BYTES_PER_S)
        buf_addf(text, " (%s of 4 KiB)", units_format(seen->rate, UNIT_PER_S, rate));
    if (seen->from == seen->to)
        buf_addf(text, ", at depth %u", seen->from);
    else
        buf_addf(text, ", the same at depths %u to %u", seen->from, seen->to);
    if (seen->kind == CAP_BUCKET)
        buf_addf(text,
                 ", where what has a token is answered at once and the rest waits: the mean "
                 "is %.1f times the median",
                 seen->waiting);
    else
        buf_addf(text, ", where p99 is %.1f times the median and more depth brings nothing",
                 seen->tail);
    buf_addf(text, "; %u of its repetitions, %.0f %%, had the same rate within 1 %%", seen->same,
             100 * seen->share);
    buf_adds(text, seen->round ? "; a round rate" : "");
}

static void medium_cap_tell(struct medium *m, const struct medium_curve *c,
                            const struct medium_cap *cap)
{
    char rate[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf plan = { 0 };
    buf_addf(&text, "Held at a limit: %s at %s", cap->of, units_format(cap->rate, cap->unit, rate));
    medium_say_seen(cap, &text);
    buf_adds(&text, ".");
    medium_add(m, &text);
    if (isnan(m->cap)) {
        m->cap = cap->rate;
        m->cap_unit = cap->unit;
        (void)snprintf(m->cap_of, sizeof m->cap_of, "%s", cap->of);
    }
    if (!plans_match(cap->plans, cap->rate, c->size_bytes, &plan) ||
        strstr(m->plan, buf_text(&plan))) { /* reads and writes have the same rules, mostly */
        return;
    }
    buf_clear(&text);
    buf_addf(&text, "%s%s%s", m->plan, m->plan[0] ? "; " : "", buf_text(&plan));
    (void)snprintf(m->plan, sizeof m->plan, "%s", buf_text(&text));
}

/* What held random I/O is the limit of bytes only where it is not one of I/Os. */
static const struct cap *medium_seen(const struct cap *cap, unsigned of_ios)
{
    return of_ios ? NULL : cap;
}

static double medium_bytes(const struct cap *seen, const struct medium_stream *s)
{
    return !seen || seen->kind == CAP_NONE ? s->bytes_per_s : seen->rate * MEDIUM_BLOCK_BYTES;
}

static void medium_caps(struct medium *m, const struct medium_curve *c)
{
    const struct cap *read = &c->read.cap;
    const struct cap *write = &c->write.cap;
    unsigned limits = medium_signs_limits(c);
    struct medium_cap cap = { "4 KiB reads", PLANS_READS, UNIT_PER_S, read->rate, read };
    if (limits & MEDIUM_LIMIT_READ)
        medium_cap_tell(m, c, &cap);
    cap = (struct medium_cap){ "4 KiB writes", PLANS_WRITES, UNIT_PER_S, write->rate, write };
    if (limits & MEDIUM_LIMIT_WRITE)
        medium_cap_tell(m, c, &cap);
    read = medium_seen(read, limits & MEDIUM_LIMIT_READ);
    cap = (struct medium_cap){ "bytes read", PLANS_BYTES, UNIT_BYTES_PER_S,
                               medium_bytes(read, &c->stream_read), read };
    if (limits & MEDIUM_LIMIT_READ_BYTES)
        medium_cap_tell(m, c, &cap);
    write = medium_seen(write, limits & MEDIUM_LIMIT_WRITE);
    cap = (struct medium_cap){ "bytes written", PLANS_BYTES, UNIT_BYTES_PER_S,
                               medium_bytes(write, &c->stream_write), write };
    if (limits & MEDIUM_LIMIT_WRITE_BYTES)
        medium_cap_tell(m, c, &cap);
    cap = (struct medium_cap){ "4 KiB writes after the burst", PLANS_WRITES, UNIT_PER_S,
                               c->burst.after, NULL };
    if (limits & MEDIUM_LIMIT_BURST)
        medium_cap_tell(m, c, &cap);
}

static void medium_change_tell(struct medium *m, const struct medium_curve *c)
{
    char before[UNITS_TEXT_BYTES];
    char after[UNITS_TEXT_BYTES];
    char since[UNITS_TEXT_BYTES];
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf plan = { 0 };
    const struct medium_burst *b = &c->burst;
    if (isnan(b->before) || isnan(b->after))
        return;
    buf_addf(&text, "Under steady 4 KiB writes the rate went from %s to %s after %s",
             units_format(b->before, UNIT_PER_S, before), units_format(b->after, UNIT_PER_S, after),
             units_format(b->since_s * 1e9, UNIT_NS, since));
    enum plans_cause cause = medium_signs_burst(c, &plan);
    if (cause == PLANS_CAUSE_DISK)
        (void)snprintf(m->plan, sizeof m->plan, "%s", buf_text(&plan));
    buf_addf(&text, ": %s.",
             cause == PLANS_CAUSE_NONE ? "a bucket of no published rule, or a neighbour"
                                       : buf_text(&plan));
    medium_add(m, &text);
}

/* A limiter lets its tokens' I/O through: what these say of the medium, its rates left out. */
static void medium_beneath(struct medium *m, const struct medium_curve *c)
{
    AUTO(buf) struct buf text = { 0 };
    unsigned signs = medium_signs_of(c) & ~(1U << MEDIUM_CAPPED);
    const struct medium_class *k = medium_class_of(signs);
    if (c->read.cap.kind == CAP_PACED || !medium_is_known(k))
        return; /* its latencies are the limiter's too, or they fit nothing */
    buf_addf(&text, "What the limiter lets through is answered as by %s.", k->name);
    medium_add(m, &text);
}

static void medium_doubt(struct medium *m, const struct medium_curve *c, unsigned signs)
{
    AUTO(buf) struct buf text = { 0 };
    if (!m->known && isnan(c->read.qd1_p50_ns))
        buf_adds(&text, "Reads were not measured (disk.read), and they tell the classes apart.");
    else if (!m->known)
        buf_addf(&text, "The signs fit no class%s.", signs ? "" : ", for there are none");
    medium_add(m, &text);
}

/* What spoke against a limiter where none was found. */
static void medium_free_tell(struct medium *m, const struct cap *cap, const char *of)
{
    AUTO(buf) struct buf text = { 0 };
    if (cap->why_none)
        buf_addf(&text, "No limiter on %s: %s.", of, cap->why_none);
    medium_add(m, &text);
}

static void medium_limiter_tell(struct medium *m, const struct medium_curve *c, unsigned signs)
{
    if (signs & (1U << MEDIUM_CAPPED)) {
        medium_beneath(m, c);
    } else if (m->known) {
        medium_free_tell(m, &c->read.cap, "reads");
        medium_free_tell(m, &c->write.cap, "writes");
    }
}

void medium_judge(const struct medium_curve *c, struct medium *m)
{
    unsigned signs = medium_signs_of(c);
    *m = (struct medium){ .class = medium_class_of(signs), .cap = NAN, .cap_unit = UNIT_PER_S };
    const struct medium_class *k = m->class;
    m->known = medium_is_known(k);
    bool known = m->known;
    unsigned against = signs & k->against;
    unsigned rests = signs & (k->all | k->any);
    if (rests & (1U << MEDIUM_READ_NVME)) /* which says the same, and more */
        rests &= ~(1U << MEDIUM_READ_FLASH);
    unsigned speaks = (rests | (signs & k->supports)) & ~against;
    medium_change_tell(m, c);
    medium_caps(m, c);
    medium_reason(m, c, rests | speaks); /* a rule may rest on a sign that is doubted */
    unsigned count = medium_tell(m, c, known ? speaks : 0, "For ", k->name);
    unsigned contradicted = medium_tell(m, c, known ? against : 0, "Against ", k->name);
    medium_limiter_tell(m, c, signs);
    (void)medium_tell(m, c, known ? 0 : signs, "Seen", "");
    medium_doubt(m, c, signs);
    m->sure = known && contradicted == 0 && (count > 1 || !isnan(m->cap));
}
