#include "probes/kit/cause.h"

#include <string.h>

enum {
    CAUSE_IRQ_USUAL = 20,            /* a twentieth of the time in interrupts is usual */
    CAUSE_IRQ_SUSPECT = 10,          /* beyond a tenth the interrupts are not out of it */
    CAUSE_MISSING_TICKS = 3,         /* eight columns are each cut to whole ticks */
    CAUSE_MISSING_IDLE = 4,          /* of idle time may be work too short for a tick */
    CAUSE_GAPS_PER_INTERRUPT = 2,    /* an interrupt and what it woke */
    CAUSE_SLEEPER_BUSY = 2,          /* a CPU busy for half of the time, or longer */
    CAUSE_UNREPORTED_NS_MIN = 500000 /* below, a guest's own kernel may be it */
};

static const struct {
    const char *id, *name;
} cause_words[CAUSES] = {
    [CAUSE_HYPERVISOR] = {"hypervisor",  "hypervisor"                  },
    [CAUSE_UNREPORTED] = { "unreported", "hypervisor, unreported"      },
    [CAUSE_OTHERS] = { "others",     "this guest's other processes"},
    [CAUSE_OWN] = { "own",        "this program's own load"     },
    [CAUSE_QUOTA] = { "quota",      "own cgroup quota"            },
    [CAUSE_INTERRUPTS] = { "interrupts", "interrupts"                  },
    [CAUSE_HALTED] = { "halted",     "stopped or frozen"           },
    [CAUSE_UNKNOWN] = { "unknown",    "unknown"                     },
};

const char *cause_id(enum cause c)
{
    return cause_words[c].id;
}

const char *cause_name(enum cause c)
{
    return cause_words[c].name;
}

int cause_of_id(const char *id)
{
    for (int i = 0; i < CAUSES; i++) {
        if (strcmp(id, cause_words[i].id) == 0)
            return i;
    }
    return -1;
}

static uint64_t cause_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t cause_beyond(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* ns * part / whole, at most ns; 0 of nothing. */
static uint64_t cause_scale(uint64_t ns, double part, double whole)
{
    if (!(whole > 0) || !(part > 0))
        return 0;
    return part >= whole ? ns : cause_least(ns, (uint64_t)((double)ns * (part / whole)));
}

/* Moves at most `want` of what is left into a share; how much it was. */
static uint64_t cause_give(uint64_t *left_ns, uint64_t *share_ns, uint64_t want_ns)
{
    uint64_t given = cause_least(*left_ns, want_ns);
    *left_ns -= given;
    *share_ns += given;
    return given;
}

/* Interrupt time beyond what any CPU has, and beyond the unit it is counted in. */
static uint64_t cause_irq_beyond(const struct cause_window *w, const struct cause_host *h)
{
    return cause_beyond(w->irq_ns, w->length_ns / CAUSE_IRQ_USUAL + h->tick_ns);
}

/*
 * Time that the kernel put into no column: a CPU that is taken away while it is busy misses its
 * ticks. Short work on a CPU that is mostly idle misses them too, hence the share of the idle time.
 */
static uint64_t cause_missing(const struct cause_window *w, const struct cause_host *h)
{
    uint64_t counted = w->steal_ns + w->irq_ns + w->busy_ns + w->idle_ns;
    return cause_beyond(cause_beyond(w->length_ns, counted),
                        CAUSE_MISSING_TICKS * h->tick_ns + w->idle_ns / CAUSE_MISSING_IDLE);
}

/* Short gaps, added up: other tasks where they were queued, else as many interrupts. */
static void cause_split_short(const struct episode *e, const struct cause_window *w,
                              uint64_t share_ns[CAUSES])
{
    uint64_t left = e->length_ns;
    if (e->queued_known)
        (void)cause_give(&left, &share_ns[CAUSE_OTHERS], e->queued_ns);
    bool interrupts = e->count / CAUSE_GAPS_PER_INTERRUPT <= w->interrupts && w->interrupts > 0;
    (void)cause_give(&left, &share_ns[interrupts ? CAUSE_INTERRUPTS : CAUSE_UNKNOWN], left);
}

/*
 * Of the time in the run queue, that in which others ran: the share of the CPU's time that was
 * busy. The rest of it was stolen or went to interrupts while they had the CPU. What exceeds all
 * that the CPU did is unknown: somebody whom this kernel does not show.
 */
static void cause_split_queued(uint64_t queued_ns, bool sure, const struct cause_window *w,
                               const struct cause_host *h, uint64_t share_ns[CAUSES])
{
    uint64_t lost_late = cause_beyond(w->lost_ns, w->lost_queued_ns);
    uint64_t lost_queued = w->lost_queued_ns > queued_ns ? w->lost_queued_ns : queued_ns;
    uint64_t stolen = cause_beyond(w->steal_ns, lost_late);
    uint64_t missing = cause_beyond(cause_missing(w, h), cause_beyond(lost_late, w->steal_ns));
    uint64_t irq = cause_irq_beyond(w, h);
    uint64_t busy = w->busy_ns + h->tick_ns; /* what is too short for a tick is somebody's too */
    uint64_t all = busy + stolen + missing + irq;
    uint64_t left = queued_ns;
    uint64_t hidden = cause_beyond(lost_queued, all + h->tick_ns);
    if (w->cpu_known) {
        (void)cause_give(&left, &share_ns[CAUSE_UNKNOWN],
                         cause_scale(queued_ns, (double)hidden, (double)lost_queued));
        uint64_t rest = left;
        double whole = (double)all;
        (void)cause_give(&left, &share_ns[CAUSE_HYPERVISOR],
                         cause_scale(rest, (double)stolen, whole));
        bool hidden_theft = h->is_virtual && !h->reports_steal && !w->partial;
        (void)cause_give(&left, &share_ns[hidden_theft ? CAUSE_UNREPORTED : CAUSE_UNKNOWN],
                         cause_scale(rest, (double)missing, whole));
        (void)cause_give(&left, &share_ns[CAUSE_INTERRUPTS], cause_scale(rest, (double)irq, whole));
    } else {
        hidden = cause_beyond(lost_queued, w->all_busy_ns + h->tick_ns);
        (void)cause_give(&left, &share_ns[CAUSE_UNKNOWN],
                         cause_scale(queued_ns, (double)hidden, (double)lost_queued));
    }
    if (sure && w->own_known)
        (void)cause_give(&left, &share_ns[CAUSE_OWN],
                         cause_scale(left, (double)w->own_ns, (double)w->all_busy_ns));
    sure = sure && !w->own_hidden;
    (void)cause_give(&left, &share_ns[sure ? CAUSE_OTHERS : CAUSE_UNKNOWN], left);
}

/*
 * Whether what no column explains may be laid at the hypervisor's door. A timer that is late on a
 * busy CPU, by 1 to 8 ms, was seen where a loop on the same CPU lost a tenth of that: there a
 * sleeper accuses nobody.
 */
static bool cause_is_unreported(const struct episode *e, uint64_t late_ns, uint64_t lost_late_ns,
                                const struct cause_window *w, const struct cause_host *h)
{
    uint64_t usual = w->length_ns / CAUSE_IRQ_SUSPECT;
    if (!h->is_virtual || late_ns < CAUSE_UNREPORTED_NS_MIN || e->vague || w->partial)
        return false;
    if (e->slept && w->busy_ns + w->irq_ns >= w->length_ns / CAUSE_SLEEPER_BUSY)
        return false;
    if (w->irq_ns > (usual > late_ns / 2 ? usual : late_ns / 2))
        return false;
    /* Less than a tick may be stolen and not yet be counted. */
    return !h->reports_steal || lost_late_ns > w->steal_ns + h->tick_ns;
}

/* The timer itself fired late: the CPU did not run, or was in interrupts. */
static void cause_split_late(const struct episode *e, uint64_t late_ns,
                             const struct cause_window *w, const struct cause_host *h,
                             uint64_t share_ns[CAUSES])
{
    uint64_t left = late_ns;
    uint64_t lost = cause_beyond(w->lost_ns, w->lost_queued_ns);
    uint64_t irq = cause_irq_beyond(w, h);
    lost = lost > late_ns ? lost : late_ns;
    if (w->cpu_known) {
        bool whole = irq == 0 && w->steal_ns > 0 && w->steal_ns + h->tick_ns >= lost;
        double counted = (double)w->steal_ns + (double)irq; /* more than was lost: by proportion */
        double all = counted > (double)lost ? counted : (double)lost;
        (void)cause_give(&left, &share_ns[CAUSE_HYPERVISOR],
                         whole ? left : cause_scale(late_ns, (double)w->steal_ns, all));
        (void)cause_give(&left, &share_ns[CAUSE_INTERRUPTS],
                         cause_scale(late_ns, (double)irq, all));
        if (cause_is_unreported(e, left, lost, w, h))
            (void)cause_give(&left, &share_ns[CAUSE_UNREPORTED], left);
    }
    (void)cause_give(&left, &share_ns[CAUSE_UNKNOWN], left);
}

/*
 * The part of the quota. Up to kernel 6.17 a throttled thread waits in the run queue; from 6.18 it
 * is taken out of it, and its time there is less than the quota's.
 */
static uint64_t cause_quota(const struct episode *e, const struct cause_window *w)
{
    if (!w->throttled_known || !w->throttles)
        return 0;
    return cause_least(e->length_ns, cause_beyond(w->throttled_ns, w->ahead_ns));
}

void cause_split(const struct episode *e, const struct cause_window *w, const struct cause_host *h,
                 uint64_t share_ns[CAUSES])
{
    memset(share_ns, 0, CAUSES * sizeof *share_ns);
    if (e->count > 1) {
        cause_split_short(e, w, share_ns);
        return;
    }
    uint64_t quota = cause_quota(e, w);
    uint64_t left = e->length_ns - quota;
    share_ns[CAUSE_QUOTA] = quota;
    if (e->sleeps > 0 || w->halted || w->suspended_ns > 0) {
        (void)cause_give(&left, &share_ns[CAUSE_HALTED], left);
        return;
    }
    uint64_t queued = cause_least(e->queued_ns, e->length_ns);
    bool pushed = e->slept || e->preempted > 0; /* a loop that nobody replaced did not queue */
    if (!e->queued_known)                       /* as much as there was to queue behind */
        queued = pushed ? cause_least(left, w->busy_ns + 2 * h->tick_ns) : 0;
    else if (queued >= quota)
        queued -= quota;
    queued = cause_least(queued, left);
    cause_split_queued(queued, e->queued_known, w, h, share_ns);
    cause_split_late(e, left - queued, w, h, share_ns);
}

/* Half and more: less is not enough to accuse whom no counter names. */
enum cause cause_main(const uint64_t share_ns[CAUSES])
{
    enum cause most = CAUSE_UNKNOWN;
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < CAUSES; i++) {
        sum_ns += share_ns[i];
        if (share_ns[i] > share_ns[most])
            most = (enum cause)i;
    }
    return most == CAUSE_UNREPORTED && share_ns[most] < sum_ns / 2 ? CAUSE_UNKNOWN : most;
}
