#include "probes/noise/hunt.h"

#include <sched.h>
#include <string.h>

#include "probes/kit/affinity.h"
#include "probes/kit/clk.h"

#define HUNT_LOOK_NS (100 * (uint64_t)CLK_NS_PER_MS)
/* Short gaps that add up to that are looked at together, so that what they queued is not laid on
 * the next long one. */
#define HUNT_MANY_NS (250 * (uint64_t)CLK_NS_PER_US)
/* Steal is accounted at the CPU's next tick, which comes while it is busy: 10 ms at HZ=100. */
#define HUNT_TICK_NS (12 * (uint64_t)CLK_NS_PER_MS)

/* All that the loop writes to is touched ahead: a page fault would be a gap. */
static int hunt_touch(struct hist *h, struct err *e)
{
    if (hist_open(h, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    memset(h->counts, 0, h->size * sizeof *h->counts);
    return 0;
}

int hunt_open(struct hunt *h, const struct hunt_site *site, struct err *e)
{
    struct err no_schedstat;
    struct inquest_site scene = { .proc_fd = site->proc_fd,
                                  .sys_fd = site->sys_fd,
                                  .host = site->host,
                                  .counts_interrupts = site->counts_interrupts };
    *h = (struct hunt){
        .own = OWNSCHED_NONE,
        .spin = {.stopping = site->stopping, .long_ns = HUNT_LONG_NS, .many_ns = HUNT_MANY_NS}
    };
    h->inquest = inquest_open(&scene, e);
    if (!h->inquest || hunt_touch(&h->gaps, e))
        return -1;
    (void)ownsched_open(&h->own, &no_schedstat); /* then every gap is told by the rest */
    tick_open(&h->clock, site->sys_fd);
    h->spin.clock = &h->clock;
    h->spin.gaps = &h->gaps;
    spin_learn(&h->spin);
    h->spin.threshold_ns =
        site->threshold_ns ? site->threshold_ns : spin_threshold_ns(h->spin.step_ns);
    h->looked_ns = tick_now_ns(&h->clock);
    return 0;
}

/* What the scheduler counted since the base, which is then now. */
static struct ownsched_now hunt_evidence(struct hunt *h)
{
    struct ownsched_now now = { 0 };
    ownsched_read(&h->own, &now);
    struct ownsched_now since = { .run_ns = now.run_ns - h->base.run_ns,
                                  .queued_ns = now.queued_ns - h->base.queued_ns,
                                  .voluntary = now.voluntary - h->base.voluntary,
                                  .involuntary = now.involuntary - h->base.involuntary,
                                  .queued_known = now.queued_known && h->base.queued_known };
    h->base = now;
    return since;
}

/* The long gap that the loop came back for. */
static void hunt_add(struct hunt *h, uint32_t cpu, const struct ownsched_now *since)
{
    const struct spin *s = &h->spin;
    uint64_t queued_ns = since->queued_ns < s->length_ns ? since->queued_ns : s->length_ns;
    struct episode e = { .at_ns = s->at_ns,
                         .length_ns = s->length_ns,
                         .queued_ns = queued_ns,
                         .cpu = cpu,
                         .sleeps = (uint32_t)since->voluntary,
                         .preempted = (uint32_t)since->involuntary,
                         .count = 1,
                         .queued_known = since->queued_known };
    h->queued_ns += since->queued_ns - queued_ns;
    h->ended_ns = s->at_ns + s->length_ns;
    inquest_add(h->inquest, &e);
}

/* Who was pushed aside while looking ran less than passed; who waited for a lock slept. */
static uint64_t hunt_pushed_aside_ns(const struct ownsched_now *since, uint64_t took_ns)
{
    if (!since->queued_known || since->voluntary)
        return since->queued_known ? since->queued_ns : 0;
    return took_ns > since->run_ns ? took_ns - since->run_ns : 0;
}

/* The short ones since the last look, which are told of together. */
static void hunt_add_short(struct hunt *h, uint32_t cpu)
{
    const struct spin_tally *t = &h->spin.tally;
    uint64_t length_ns = t->short_ns - h->told_ns;
    uint64_t count = t->short_gaps - h->told_gaps;
    struct episode e = { .at_ns = h->told_at_ns,
                         .span_ns = tick_now_ns(&h->clock) - h->told_at_ns,
                         .length_ns = length_ns,
                         .queued_ns = h->queued_ns < length_ns ? h->queued_ns : length_ns,
                         .cpu = cpu,
                         .count = count > 1 ? (uint32_t)count : 2, /* one alone is no long one */
                         .queued_known = h->base.queued_known };
    if (count)
        inquest_add(h->inquest, &e);
    h->told_ns = t->short_ns;
    h->told_gaps = t->short_gaps;
    h->told_at_ns += e.span_ns;
    h->queued_ns = 0;
}

static void hunt_look(struct hunt *h, uint32_t cpu)
{
    uint64_t began_ns = tick_now_ns(&h->clock);
    h->queued_ns += hunt_evidence(h).queued_ns;
    hunt_add_short(h, cpu);
    inquest_look(h->inquest);
    h->looked_ns = tick_now_ns(&h->clock);
    struct ownsched_now since = hunt_evidence(h);
    uint64_t took_ns = h->looked_ns - began_ns;
    if (spin_missed(&h->spin, began_ns, hunt_pushed_aside_ns(&since, took_ns))) {
        took_ns -= h->spin.length_ns;
        since.voluntary = 0; /* it slept for a lock while looking, and was not stopped */
        hunt_add(h, cpu, &since);
    }
    h->blind_ns += took_ns;
}

static void hunt_spin(struct hunt *h, uint32_t cpu, uint64_t until_ns)
{
    uint64_t now_ns = tick_now_ns(&h->clock);
    while (now_ns < until_ns && !*h->spin.stopping) {
        uint64_t look_ns = h->looked_ns + HUNT_LOOK_NS;
        enum spin_end end = spin_run(&h->spin, look_ns < until_ns ? look_ns : until_ns);
        uint64_t came_ns = tick_now_ns(&h->clock);
        if (end != SPIN_OVER) {
            struct ownsched_now since = hunt_evidence(h);
            if (end == SPIN_LONG)
                hunt_add(h, cpu, &since);
            else
                h->queued_ns += since.queued_ns;
        }
        now_ns = tick_now_ns(&h->clock);
        h->blind_ns += now_ns - came_ns;
        if (now_ns >= look_ns && now_ns < until_ns)
            hunt_look(h, cpu);
    }
}

/* So that what was stolen last is accounted before this CPU sleeps; what is lost here is nobody's.
 */
static void hunt_linger(const struct hunt *h)
{
    uint64_t enough_ns = h->ended_ns + HUNT_TICK_NS;
    struct spin mute = h->spin;
    mute.gaps = NULL;
    mute.many_ns = UINT64_MAX;
    mute.long_ns = UINT64_MAX;
    if (enough_ns > h->over_ns)
        (void)spin_run(&mute, enough_ns);
}

static void hunt_keep(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns)
{
    const struct spin_tally *t = &h->spin.tally;
    uint64_t length_ns = until_ns - due_ns;
    c->turns++;
    c->spun_ns += length_ns > h->blind_ns ? length_ns - h->blind_ns : 0;
    c->gaps += t->gaps;
    c->lost_ns += t->lost_ns;
    for (unsigned i = 0; i < SPIN_OCTAVES; i++) {
        c->octaves[i].gaps += t->octaves[i].gaps;
        c->octaves[i].lost_ns += t->octaves[i].lost_ns;
    }
    if (t->longest_ns > c->longest_ns)
        c->longest_ns = t->longest_ns;
}

/* What went by since the last turn was over, or since this one was there, is blind; that the CPU
 * was not there when the turn was due is not. */
static void hunt_begin(struct hunt *h, uint64_t due_ns)
{
    uint64_t there_ns = h->over_ns > due_ns ? h->over_ns : tick_now_ns(&h->clock);
    tick_align(&h->clock);
    h->spin.tally = (struct spin_tally){ 0 };
    (void)hunt_evidence(h);
    h->told_ns = 0;
    h->told_gaps = 0;
    h->queued_ns = 0;
    h->told_at_ns = tick_now_ns(&h->clock);
    h->blind_ns = h->told_at_ns - there_ns;
}

static void hunt_run(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns)
{
    hunt_rest(h, due_ns);
    hunt_begin(h, due_ns);
    hunt_spin(h, c->cpu, until_ns);
    h->over_ns = tick_now_ns(&h->clock);
    h->queued_ns += hunt_evidence(h).queued_ns;
    hunt_add_short(h, c->cpu);
    hunt_keep(h, c, due_ns, until_ns);
    hunt_linger(h);
}

bool hunt_turn(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns)
{
    c->refused = !affinity_pin(c->cpu);
    if (!c->refused)
        hunt_run(h, c, due_ns, until_ns);
    return !c->refused;
}

void hunt_turn_loose(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns)
{
    int cpu = sched_getcpu();
    c->cpu = cpu < 0 ? 0 : (uint32_t)cpu;
    c->loose = true;
    hunt_run(h, c, due_ns, until_ns);
}

void hunt_rest(struct hunt *h, uint64_t until_ns)
{
    for (uint64_t now_ns = tick_now_ns(&h->clock); now_ns < until_ns && !*h->spin.stopping;
         now_ns = tick_now_ns(&h->clock)) {
        uint64_t look_ns = h->looked_ns + HUNT_LOOK_NS;
        (void)h->clock.sleep_until(look_ns < until_ns ? look_ns : until_ns);
        if (tick_now_ns(&h->clock) < look_ns)
            continue;
        inquest_look(h->inquest);
        h->looked_ns = tick_now_ns(&h->clock);
    }
}

void hunt_close(struct hunt *h)
{
    inquest_close(h->inquest);
}

void hunt_blame(const struct hunt *h, const struct hunt_cpu *c, struct inquest_blame *b)
{
    *b = *inquest_blame(h->inquest, c->loose ? INQUEST_ALL : (int32_t)c->cpu);
    b->observed_ns = c->spun_ns;
}

void hunt_release(struct hunt *h)
{
    inquest_free(h->inquest);
    hist_release(&h->gaps);
    ownsched_release(&h->own);
    h->inquest = NULL;
}
