#include "probes/noise/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "probes/kit/affinity.h"
#include "probes/kit/clk.h"
#include "probes/kit/ownsched.h"
#include "probes/kit/prng.h"
#include "probes/noise/quantum.h"

enum {
    CREW_STACK_BYTES = 65536 /* a thread calls three functions deep; 256 of them are 16 MiB */
};

struct crew_worker {
    struct crew *owner;
    pthread_t id;
    uint32_t cpu;
    bool pinned;
    uint64_t state[QUANTUM_CHAINS];
    uint32_t node;
    uint64_t piece; /* of the rounds */
    struct hist integer, memory;
    uint64_t busy_ns;
    struct ownsched sched;
    uint64_t queued_ns;
    _Atomic uint64_t work;
} __attribute__((aligned(64))); /* threads do not share a cache line */

struct crew {
    const struct ring *ring;
    struct crew_worker *workers;
    unsigned count;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned ready, active; /* under the lock, as is what follows */
    unsigned turn;          /* of crew_begin */
    bool closing;
    _Atomic uint64_t until_ns;
};

static uint64_t crew_done(struct crew_worker *w, struct hist *h, uint64_t began_ns, uint64_t parts)
{
    uint64_t now_ns = clk_now_ns();
    hist_record(h, (now_ns - began_ns + parts / 2) / parts);
    atomic_fetch_add_explicit(&w->work, 1, memory_order_relaxed);
    return now_ns;
}

static void crew_labour(struct crew_worker *w)
{
    const struct crew *c = w->owner;
    const struct ring *ring = c->ring;
    struct ownsched_now before;
    struct ownsched_now after;
    ownsched_read(&w->sched, &before);
    uint64_t first_ns = clk_now_ns();
    uint64_t now_ns;
    do {
        uint64_t began_ns = clk_now_ns();
        if (ring->base && ++w->piece % (CREW_INTEGERS + 1) == 0) {
            w->node = quantum_memory(ring, w->node);
            now_ns = crew_done(w, &w->memory, began_ns, QUANTUM_LOADS);
        } else {
            quantum_integer(w->state);
            now_ns = crew_done(w, &w->integer, began_ns, 1);
        }
    } while (now_ns < c->until_ns);
    w->busy_ns += now_ns - first_ns;
    ownsched_read(&w->sched, &after);
    if (before.queued_known && after.queued_known)
        w->queued_ns += after.queued_ns - before.queued_ns;
}

static void *crew_live(void *arg)
{
    struct crew_worker *w = arg;
    struct crew *c = w->owner;
    unsigned turn = 0;
    struct err ignored;
    bool pinned = affinity_pin(w->cpu);
    (void)ownsched_open(&w->sched, &ignored); /* without it nothing is known to be queued */
    (void)pthread_mutex_lock(&c->lock);
    w->pinned = pinned;
    c->ready++;
    (void)pthread_cond_broadcast(&c->moved);
    while (!c->closing) {
        if (turn == c->turn) {
            (void)pthread_cond_wait(&c->moved, &c->lock);
            continue;
        }
        turn = c->turn;
        (void)pthread_mutex_unlock(&c->lock);
        crew_labour(w);
        (void)pthread_mutex_lock(&c->lock);
        c->active--;
        (void)pthread_cond_broadcast(&c->moved);
    }
    (void)pthread_mutex_unlock(&c->lock);
    ownsched_release(&w->sched);
    return NULL;
}

static int crew_create(struct crew_worker *w, struct err *e)
{
    pthread_attr_t attr;
    int sys = pthread_attr_init(&attr);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "make a worker");
    (void)pthread_attr_setstacksize(&attr, CREW_STACK_BYTES);
    sys = pthread_create(&w->id, &attr, crew_live, w);
    (void)pthread_attr_destroy(&attr);
    return sys ? err_set(e, ERR_NO_RESOURCE, sys, "make a worker for CPU %u", w->cpu) : 0;
}

static int crew_add(struct crew *c, uint32_t cpu, struct prng *prng, struct err *e)
{
    struct crew_worker *w = &c->workers[c->count];
    uint64_t value_max = UINT64_C(1) << HIST_TEN_MINUTES_BITS;
    *w = (struct crew_worker){ .owner = c, .cpu = cpu };
    for (unsigned i = 0; i < QUANTUM_CHAINS; i++)
        w->state[i] = prng_next(prng) | 1U; /* a state of 0 would stay 0 */
    w->node = c->ring->base ? (uint32_t)prng_below(prng, c->ring->nodes) : 0;
    if (hist_open(&w->integer, value_max, e) || hist_open(&w->memory, value_max, e) ||
        crew_create(w, e)) {
        hist_release(&w->integer);
        hist_release(&w->memory);
        return -1;
    }
    c->count++;
    return 0;
}

/* Signals are for the main thread. */
static void crew_populate(struct crew *c, const uint32_t *cpus, unsigned count, uint64_t seed,
                          struct err *e)
{
    sigset_t all;
    sigset_t before;
    struct prng prng;
    prng_init_named(&prng, seed, "crew");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < count; i++) {
        if (crew_add(c, cpus[i], &prng, e))
            break; /* a limit on tasks or memory: the workers so far are better than none */
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct crew *crew_open(const struct ring *ring, const uint32_t *cpus, unsigned count, uint64_t seed,
                       struct err *e)
{
    struct crew *c = calloc(1, sizeof *c);
    struct crew_worker *workers = aligned_alloc(64, (count + 1U) * sizeof *workers);
    if (!c || !workers) {
        free(c);
        free(workers);
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u workers", count);
        return NULL;
    }
    *c = (struct crew){ .ring = ring, .workers = workers };
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->moved, NULL);
    crew_populate(c, cpus, count, seed, e);
    if (c->count == 0) {
        if (count == 0)
            (void)err_set(e, ERR_UNSUPPORTED, 0, "no CPU for a worker");
        crew_free(c);
        return NULL;
    }
    (void)pthread_mutex_lock(&c->lock);
    while (c->ready < c->count)
        (void)pthread_cond_wait(&c->moved, &c->lock);
    (void)pthread_mutex_unlock(&c->lock);
    return c;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->closing = true;
    (void)pthread_cond_broadcast(&c->moved);
    (void)pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->count; i++) {
        (void)pthread_join(c->workers[i].id, NULL);
        hist_release(&c->workers[i].integer);
        hist_release(&c->workers[i].memory);
    }
    (void)pthread_cond_destroy(&c->moved);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->workers);
    free(c);
}

unsigned crew_size(const struct crew *c)
{
    return c->count;
}

void crew_begin(struct crew *c, uint64_t until_ns)
{
    (void)pthread_mutex_lock(&c->lock);
    c->until_ns = until_ns;
    c->active = c->count;
    c->turn++;
    (void)pthread_cond_broadcast(&c->moved);
    (void)pthread_mutex_unlock(&c->lock);
}

void crew_stop(struct crew *c)
{
    c->until_ns = 0;
}

void crew_wait(struct crew *c)
{
    (void)pthread_mutex_lock(&c->lock);
    while (c->active > 0)
        (void)pthread_cond_wait(&c->moved, &c->lock);
    (void)pthread_mutex_unlock(&c->lock);
}

uint64_t crew_work(const struct crew *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->count; i++)
        sum += atomic_load_explicit(&c->workers[i].work, memory_order_relaxed);
    return sum;
}

void crew_collect(struct crew *c, struct hist *integer, struct hist *memory)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct crew_worker *w = &c->workers[i];
        hist_merge(integer, &w->integer);
        hist_merge(memory, &w->memory);
        hist_clear(&w->integer);
        hist_clear(&w->memory);
    }
}

uint64_t crew_queued_ns(const struct crew *c)
{
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < c->count; i++)
        sum_ns += c->workers[i].queued_ns;
    return sum_ns;
}

struct crew_share crew_share(const struct crew *c, unsigned index)
{
    const struct crew_worker *w = &c->workers[index];
    return (struct crew_share){
        .cpu = w->cpu, .pinned = w->pinned, .work = w->work, .busy_ns = w->busy_ns
    };
}
