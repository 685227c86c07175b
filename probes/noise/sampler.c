#include "probes/noise/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "probes/kit/clk.h"
#include "probes/kit/limits.h"
#include "probes/noise/stall.h"

enum {
    SAMPLER_STACK_BYTES = 65536
};

struct sampler_cpu {
    pthread_t thread;
    struct sampler *owner;
    uint32_t cpu;
    bool created;
    bool unpinned;
    pthread_mutex_t lock; /* held for one recording, or one taking */
    struct hist stalls;
    uint64_t max_ns; /* since the last sampler_take_max */
    struct sampler_worst worst[SAMPLER_WORST];
};

struct sampler {
    struct sampler_cpu *cpus; /* owned */
    unsigned count;
    atomic_bool running;
    atomic_bool ending;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static void sampler_keep_worst(struct sampler_cpu *c, uint64_t at_ns, uint64_t stall_ns)
{
    struct sampler_worst one = { .at_ns = at_ns, .stall_ns = stall_ns, .cpu = c->cpu };
    for (unsigned i = 0; i < SAMPLER_WORST; i++) {
        if (one.stall_ns > c->worst[i].stall_ns) {
            struct sampler_worst lesser = c->worst[i];
            c->worst[i] = one;
            one = lesser;
        }
    }
}

/* Sleeps to the grid until it is told to pause. */
static void sampler_watch(struct sampler_cpu *c)
{
    uint64_t due = clk_now_ns() + SAMPLER_INTERVAL_NS;
    while (atomic_load_explicit(&c->owner->running, memory_order_relaxed)) {
        if (clk_sleep_until(due))
            continue;
        uint64_t late = clk_now_ns() - due;
        (void)pthread_mutex_lock(&c->lock);
        stall_record(&c->stalls, late, SAMPLER_INTERVAL_NS);
        c->max_ns = late > c->max_ns ? late : c->max_ns;
        sampler_keep_worst(c, due, late);
        (void)pthread_mutex_unlock(&c->lock);
        due = stall_next_due(due, late, SAMPLER_INTERVAL_NS);
    }
}

static void sampler_pin(struct sampler_cpu *c)
{
    cpu_set_t *set = CPU_ALLOC(LIMITS_CPUS);
    size_t size = CPU_ALLOC_SIZE(LIMITS_CPUS);
    if (!set) {
        c->unpinned = true;
        return;
    }
    CPU_ZERO_S(size, set);
    CPU_SET_S(c->cpu, size, set);
    c->unpinned = sched_setaffinity(0, size, set) != 0;
    CPU_FREE(set);
}

static void *sampler_live(void *arg)
{
    struct sampler_cpu *c = arg;
    struct sampler *s = c->owner;
    sampler_pin(c);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    while (!atomic_load(&s->ending)) {
        (void)pthread_mutex_lock(&s->lock);
        while (!atomic_load(&s->running) && !atomic_load(&s->ending))
            (void)pthread_cond_wait(&s->changed, &s->lock);
        (void)pthread_mutex_unlock(&s->lock);
        sampler_watch(c);
    }
    return NULL;
}

static void sampler_tell(struct sampler *s, atomic_bool *flag, bool value)
{
    (void)pthread_mutex_lock(&s->lock);
    atomic_store(flag, value);
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void sampler_start(struct sampler *s)
{
    sampler_tell(s, &s->running, true);
}

void sampler_stop(struct sampler *s)
{
    sampler_tell(s, &s->running, false);
}

/* The CPUs this process may run on; how many were written. */
static unsigned sampler_list_cpus(uint32_t cpus[LIMITS_CPUS])
{
    unsigned count = 0;
    cpu_set_t *set = CPU_ALLOC(LIMITS_CPUS);
    size_t size = CPU_ALLOC_SIZE(LIMITS_CPUS);
    if (set && sched_getaffinity(0, size, set) == 0) {
        for (uint32_t i = 0; i < LIMITS_CPUS; i++) {
            if (CPU_ISSET_S(i, size, set))
                cpus[count++] = i;
        }
    }
    CPU_FREE(set);
    return count;
}

static int sampler_create(struct sampler_cpu *c, struct err *e)
{
    pthread_attr_t attr;
    (void)pthread_mutex_init(&c->lock, NULL);
    if (hist_open(&c->stalls, UINT64_C(1) << HIST_TEN_MINUTES_BITS, e))
        return -1;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, SAMPLER_STACK_BYTES);
    int failed = pthread_create(&c->thread, &attr, sampler_live, c);
    (void)pthread_attr_destroy(&attr);
    if (failed)
        return err_set(e, ERR_NO_RESOURCE, failed, "start the stall sampler of CPU %u", c->cpu);
    c->created = true;
    return 0;
}

struct sampler *sampler_open(struct err *e)
{
    uint32_t cpus[LIMITS_CPUS];
    unsigned count = sampler_list_cpus(cpus);
    struct sampler *s = calloc(1, sizeof *s);
    if (s)
        s->cpus = calloc(count + 1, sizeof *s->cpus);
    if (!s || !s->cpus || count == 0) {
        free(s);
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no CPU or no memory for the stall sampler");
        return NULL;
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    for (; s->count < count; s->count++) {
        struct sampler_cpu *c = &s->cpus[s->count];
        c->owner = s;
        c->cpu = cpus[s->count];
        if (sampler_create(c, e)) {
            s->count++;
            sampler_free(s);
            return NULL;
        }
    }
    return s;
}

unsigned sampler_cpus(const struct sampler *s)
{
    return s->count;
}

unsigned sampler_unpinned(const struct sampler *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->count; i++)
        count += s->cpus[i].unpinned;
    return count;
}

void sampler_take(struct sampler *s, struct hist *into)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct sampler_cpu *c = &s->cpus[i];
        (void)pthread_mutex_lock(&c->lock);
        hist_merge(into, &c->stalls);
        hist_clear(&c->stalls);
        (void)pthread_mutex_unlock(&c->lock);
    }
}

uint64_t sampler_take_max(struct sampler *s)
{
    uint64_t max_ns = 0;
    for (unsigned i = 0; i < s->count; i++) {
        struct sampler_cpu *c = &s->cpus[i];
        (void)pthread_mutex_lock(&c->lock);
        max_ns = c->max_ns > max_ns ? c->max_ns : max_ns;
        c->max_ns = 0;
        (void)pthread_mutex_unlock(&c->lock);
    }
    return max_ns;
}

unsigned sampler_worst(const struct sampler *s, struct sampler_worst worst[SAMPLER_WORST])
{
    struct sampler_cpu all = { 0 };
    for (unsigned i = 0; i < s->count; i++) {
        struct sampler_cpu *c = &s->cpus[i];
        (void)pthread_mutex_lock(&c->lock);
        for (unsigned k = 0; k < SAMPLER_WORST; k++) {
            all.cpu = c->cpu;
            if (c->worst[k].stall_ns)
                sampler_keep_worst(&all, c->worst[k].at_ns, c->worst[k].stall_ns);
        }
        (void)pthread_mutex_unlock(&c->lock);
    }
    unsigned count = 0;
    while (count < SAMPLER_WORST && all.worst[count].stall_ns)
        count++;
    memcpy(worst, all.worst, sizeof all.worst);
    return count;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    sampler_tell(s, &s->running, false);
    sampler_tell(s, &s->ending, true);
    for (unsigned i = 0; i < s->count; i++) {
        if (s->cpus[i].created)
            (void)pthread_join(s->cpus[i].thread, NULL);
        hist_release(&s->cpus[i].stalls);
    }
    free(s->cpus);
    free(s);
}
