#include "probes/kit/sampler.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "probes/kit/affinity.h"
#include "probes/kit/clk.h"
#include "probes/kit/limits.h"
#include "probes/kit/outbox.h"
#include "probes/kit/sleeper.h"
#include "probes/kit/stall.h"

enum {
    SAMPLER_STACK_BYTES = 65536, /* a thread calls three functions deep; 256 of them are 16 MiB */
};

#define SAMPLER_STOP_NS (2 * (uint64_t)CLK_NS_PER_S)    /* a stop does not outwait a dead CPU */
#define SAMPLER_TAKE_NS (100 * (uint64_t)CLK_NS_PER_MS) /* what is not free then is taken later */

struct sampler_thread {
    struct sampler *owner;
    pthread_t id;
    uint32_t cpu; /* where it is pinned; only the thread itself writes */
    bool pinned;
    _Atomic uint32_t next_cpu; /* where it is to be */
    struct sleeper sleeper;    /* the thread's own */

    /*
     * The thread raises `busy`, reads `half`, records there and lowers `busy`. Who takes turns
     * `half` and waits for `busy` to be down: from then on the other half is his.
     */
    _Atomic bool busy;
    _Atomic unsigned half;
    struct hist halves[2];
    _Atomic uint64_t max_ns;

    struct outbox outbox;
} __attribute__((aligned(64))); /* threads do not share a cache line */

struct sampler {
    struct sampler_terms terms;
    uint32_t *cpus; /* those allowed */
    unsigned cpu_count;
    unsigned turn; /* the first thread is at cpus[turn], the others follow */
    struct sampler_thread *threads;
    unsigned count, unpinned;
    pthread_mutex_t lock;
    pthread_cond_t moved;   /* started, stopped, closed, ready */
    unsigned ready, active; /* under the lock */
    _Atomic bool running, closing;
};

/* One wake: how late it was. */
static uint64_t sampler_record(struct sampler_thread *t, uint64_t due_ns)
{
    const struct sampler_terms *terms = &t->owner->terms;
    uint64_t now_ns = clk_now_ns();
    uint64_t late_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    if (terms->episode_ns) {
        struct episode episode;
        sleeper_tell(&t->sleeper, due_ns, now_ns, &episode);
        episode.cpu = t->pinned ? t->cpu : (uint32_t)sched_getcpu();
        if (late_ns >= terms->episode_ns)
            (void)outbox_put(&t->outbox, &episode);
    }
    t->busy = true;
    unsigned half = t->half; /* gcc 12 does not read an atomic index atomically */
    stall_record(&t->halves[half], late_ns, terms->interval_ns);
    t->busy = false;
    if (late_ns > t->max_ns)
        t->max_ns = late_ns;
    return late_ns;
}

/* To the CPU it is told to be on. A refusal leaves it where it is. */
static void sampler_follow(struct sampler_thread *t)
{
    uint32_t cpu = t->next_cpu;
    if (cpu == t->cpu)
        return;
    bool pinned = affinity_pin(cpu);
    t->pinned |= pinned;
    t->cpu = pinned ? cpu : t->cpu;
    t->next_cpu = t->cpu;
}

static void sampler_loop(struct sampler_thread *t)
{
    struct sampler *s = t->owner;
    uint64_t interval_ns = s->terms.interval_ns;
    uint64_t due_ns = clk_now_ns() + interval_ns;
    sleeper_settle(&t->sleeper);
    while (s->running && !s->closing) {
        if (sleeper_until(&t->sleeper, due_ns))
            continue;
        due_ns = stall_next_due(due_ns, sampler_record(t, due_ns), interval_ns);
        if (t->next_cpu == t->cpu)
            continue;
        sampler_follow(t); /* moving may take long, and is no stall */
        due_ns = clk_now_ns() + interval_ns;
        sleeper_settle(&t->sleeper);
    }
}

static void *sampler_live(void *arg)
{
    struct sampler_thread *t = arg;
    struct sampler *s = t->owner;
    t->pinned = affinity_pin(t->cpu);
    sleeper_open(&t->sleeper);
    /* A timer descriptor has no slack. Without one, the default of 50 us would count as a stall. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    (void)pthread_mutex_lock(&s->lock);
    s->ready++;
    (void)pthread_cond_broadcast(&s->moved);
    while (!s->closing) {
        if (!s->running) {
            (void)pthread_cond_wait(&s->moved, &s->lock);
            continue;
        }
        s->active++;
        (void)pthread_mutex_unlock(&s->lock);
        sampler_loop(t);
        (void)pthread_mutex_lock(&s->lock);
        s->active--;
        (void)pthread_cond_broadcast(&s->moved);
    }
    (void)pthread_mutex_unlock(&s->lock);
    sleeper_release(&t->sleeper);
    return NULL;
}

static int sampler_create(struct sampler_thread *t, struct err *e)
{
    pthread_attr_t attr;
    int sys = pthread_attr_init(&attr);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "make a sampler thread");
    (void)pthread_attr_setstacksize(&attr, SAMPLER_STACK_BYTES);
    sys = pthread_create(&t->id, &attr, sampler_live, t);
    (void)pthread_attr_destroy(&attr);
    return sys ? err_set(e, ERR_NO_RESOURCE, sys, "make a sampler thread for CPU %u", t->cpu) : 0;
}

static int sampler_add(struct sampler *s, uint32_t cpu, struct err *e)
{
    struct sampler_thread *t = &s->threads[s->count];
    *t = (struct sampler_thread){ .owner = s, .cpu = cpu, .next_cpu = cpu };
    uint64_t value_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    if (hist_open(&t->halves[0], value_max, e) || hist_open(&t->halves[1], value_max, e) ||
        sampler_create(t, e)) {
        hist_release(&t->halves[0]);
        hist_release(&t->halves[1]);
        return -1;
    }
    s->count++;
    return 0;
}

/* Which CPUs may be used, at most LIMITS_CPUS of them. */
static int sampler_list_cpus(struct sampler *s, struct err *e)
{
    s->cpus = calloc(LIMITS_CPUS, sizeof *s->cpus);
    if (!s->cpus)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a list of CPUs");
    int count = affinity_cpus(s->cpus, LIMITS_CPUS, e);
    s->cpu_count = count > 0 ? (unsigned)count : 0;
    return count < 0 ? -1 : 0;
}

/* A thread for each allowed CPU, or as many as asked; -1 only when there is none at all. */
static int sampler_populate(struct sampler *s, struct err *e)
{
    if (sampler_list_cpus(s, e))
        return -1;
    unsigned most = s->terms.threads ? s->terms.threads : s->cpu_count;
    unsigned wanted = most < s->cpu_count ? most : s->cpu_count;
    s->threads = aligned_alloc(64, (wanted + 1U) * sizeof *s->threads);
    if (!s->threads)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u sampler threads", wanted);
    /* A limit on tasks or memory: the CPUs so far are better than none. */
    while (s->count < wanted && !sampler_add(s, s->cpus[s->count], e))
        continue;
    s->unpinned = wanted - s->count;
    return s->count ? 0 : -1;
}

/* Signals are for the main thread: a sampler that takes one wakes early. */
static int sampler_populate_masked(struct sampler *s, struct err *e)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = sampler_populate(s, e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct sampler *sampler_open(const struct sampler_terms *terms, struct err *e)
{
    struct sampler *s = calloc(1, sizeof *s);
    if (!s) {
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for the sampler");
        return NULL;
    }
    s->terms = *terms;
    if (s->terms.interval_ns == 0)
        s->terms.interval_ns = SAMPLER_INTERVAL_NS;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->moved, NULL);
    if (sampler_populate_masked(s, e)) {
        sampler_free(s);
        return NULL;
    }
    (void)pthread_mutex_lock(&s->lock);
    while (s->ready < s->count)
        (void)pthread_cond_wait(&s->moved, &s->lock);
    for (unsigned i = 0; i < s->count; i++)
        s->unpinned += !s->threads[i].pinned;
    (void)pthread_mutex_unlock(&s->lock);
    return s;
}

unsigned sampler_cpus(const struct sampler *s)
{
    return s->count;
}

unsigned sampler_allowed(const struct sampler *s)
{
    return s->cpu_count;
}

unsigned sampler_unpinned(const struct sampler *s)
{
    return s->unpinned;
}

void sampler_turn(struct sampler *s)
{
    if (s->count == s->cpu_count)
        return;
    s->turn = (s->turn + s->count) % s->cpu_count;
    for (unsigned i = 0; i < s->count; i++)
        s->threads[i].next_cpu = s->cpus[(s->turn + i) % s->cpu_count];
}

void sampler_start(struct sampler *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->running = true;
    (void)pthread_cond_broadcast(&s->moved);
    (void)pthread_mutex_unlock(&s->lock);
}

void sampler_stop(struct sampler *s)
{
    struct timespec until = clk_timespec(clk_now_ns() + SAMPLER_STOP_NS);
    int late = 0;
    (void)pthread_mutex_lock(&s->lock);
    s->running = false;
    while (s->active > 0 && !late)
        late = pthread_cond_clockwait(&s->moved, &s->lock, CLOCK_MONOTONIC, &until);
    (void)pthread_mutex_unlock(&s->lock);
}

void sampler_take(struct sampler *s, struct hist *into)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct sampler_thread *t = &s->threads[i];
        unsigned mine = t->half;
        uint64_t until_ns = clk_now_ns() + SAMPLER_TAKE_NS;
        t->half = 1 - mine;
        while (t->busy && clk_now_ns() < until_ns)
            (void)sched_yield();
        if (t->busy) { /* its CPU was taken away just there: its samples come with the next take */
            t->half = mine;
            continue;
        }
        hist_merge(into, &t->halves[mine]);
        hist_clear(&t->halves[mine]);
    }
}

uint64_t sampler_take_max(struct sampler *s)
{
    uint64_t max_ns = 0;
    for (unsigned i = 0; i < s->count; i++) {
        uint64_t one_ns = atomic_exchange(&s->threads[i].max_ns, 0);
        max_ns = one_ns > max_ns ? one_ns : max_ns;
    }
    return max_ns;
}

unsigned sampler_episodes(struct sampler *s, struct episode *into, unsigned most)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->count; i++)
        count += outbox_take(&s->threads[i].outbox, into + count, most - count);
    return count;
}

uint64_t sampler_missed(const struct sampler *s)
{
    uint64_t missed = 0;
    for (unsigned i = 0; i < s->count; i++)
        missed += s->threads[i].outbox.missed;
    return missed;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->closing = true;
    (void)pthread_cond_broadcast(&s->moved);
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->count; i++) {
        (void)pthread_join(s->threads[i].id, NULL);
        hist_release(&s->threads[i].halves[0]);
        hist_release(&s->threads[i].halves[1]);
    }
    free(s->threads);
    free(s->cpus);
    (void)pthread_cond_destroy(&s->moved);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
