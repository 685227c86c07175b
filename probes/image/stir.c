#include "probes/image/stir.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/kit/clk.h"
#include "probes/kit/stats.h"

/* SOURCE: Go runtime/proc.go, stealWork: four rounds over all processors, with usleep(3) in the
 * last where one of them runs. */
#define STIR_LOOK_NS (5 * (uint64_t)CLK_NS_PER_US)

/* Low: others on the CPUs lengthen many of them, and are met when the work is done too. */
#define STIR_QUANTILE 0.1

enum {
    STIR_TURNS = 200 /* some 10 ms */
};

enum stir_state {
    STIR_SLEEPS,
    STIR_LOOKS,
    STIR_ASKED, /* somebody waits for an answer */
    STIR_LEAVES
};

static void stir_wake(uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void stir_wait(uint32_t *word, uint32_t while_it_is)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_it_is, NULL, NULL, 0);
}

static uint32_t stir_state(const struct stir *s)
{
    return __atomic_load_n(&s->word, __ATOMIC_SEQ_CST);
}

/* Whether it was `from`; it is `to` then. */
static bool stir_change(struct stir *s, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&s->word, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void stir_answer(struct stir *s)
{
    if (!stir_change(s, STIR_ASKED, STIR_LOOKS))
        return;
    (void)__atomic_add_fetch(&s->answers, 1, __ATOMIC_SEQ_CST);
    stir_wake(&s->answers);
}

/* Looks round for a moment, then sleeps until it is woken. */
static void stir_look(struct stir *s)
{
    uint64_t until_ns = clk_now_ns() + STIR_LOOK_NS;
    while (stir_state(s) == STIR_LOOKS && clk_now_ns() < until_ns) {
    }
    (void)stir_change(s, STIR_LOOKS, STIR_SLEEPS);
}

static void *stir_thread(void *arg)
{
    struct stir *s = arg;
    for (;;) {
        switch (stir_state(s)) {
        case STIR_SLEEPS:
            stir_wait(&s->word, STIR_SLEEPS);
            break;
        case STIR_LOOKS:
            stir_look(s);
            break;
        case STIR_ASKED:
            stir_answer(s);
            break;
        default:
            return NULL;
        }
    }
}

int stir_open(struct stir *s, struct err *e)
{
    cpu_set_t cpus;
    *s = (struct stir){ .word = STIR_LOOKS };
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) < 2)
        return 0;
    int sys = pthread_create(&s->thread, NULL, stir_thread, s);
    if (sys)
        return err_set(e, ERR_NO_RESOURCE, sys, "start a thread beside the unpacking");
    s->is_open = true;
    return 0;
}

void stir_nudge(struct stir *s)
{
    if (s->is_open && stir_change(s, STIR_SLEEPS, STIR_LOOKS))
        stir_wake(&s->word);
}

/* To the other thread and back. */
static void stir_turn(struct stir *s)
{
    uint32_t before = __atomic_load_n(&s->answers, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&s->word, STIR_ASKED, __ATOMIC_SEQ_CST) == STIR_SLEEPS)
        stir_wake(&s->word);
    while (__atomic_load_n(&s->answers, __ATOMIC_SEQ_CST) == before)
        stir_wait(&s->answers, before);
}

double stir_turn_ns(struct stir *s)
{
    double turns[STIR_TURNS];
    for (unsigned i = 0; i < STIR_TURNS && s->is_open; i++) {
        uint64_t start_ns = clk_now_ns();
        stir_turn(s);
        turns[i] = (double)(clk_now_ns() - start_ns);
        while (stir_state(s) != STIR_SLEEPS)
            (void)sched_yield();
    }
    if (!s->is_open)
        return 0;
    stats_sort(turns, STIR_TURNS);
    return stats_quantile_sorted(turns, STIR_TURNS, STIR_QUANTILE);
}

void stir_release(struct stir *s)
{
    if (!s->is_open)
        return;
    __atomic_store_n(&s->word, STIR_LEAVES, __ATOMIC_SEQ_CST);
    stir_wake(&s->word);
    (void)pthread_join(s->thread, NULL);
    s->is_open = false;
}
