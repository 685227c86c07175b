#include "probes/image/stir.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* SOURCE: Go runtime/proc.go, stealWork: four rounds over all processors, with usleep(3) in the
 * last where one of them runs. */
#define STIR_LOOK_NS (5 * (uint64_t)CLK_NS_PER_US)

enum stir_state {
    STIR_SLEEPS,
    STIR_LOOKS,
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

void stir_release(struct stir *s)
{
    if (!s->is_open)
        return;
    __atomic_store_n(&s->word, STIR_LEAVES, __ATOMIC_SEQ_CST);
    stir_wake(&s->word);
    (void)pthread_join(s->thread, NULL);
    s->is_open = false;
}
