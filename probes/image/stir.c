#include "probes/image/stir.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* SOURCE: Go runtime/proc.go, stealWork: four rounds over all processors, with usleep(3) in the last
 * where one of them runs. */
#define STIR_LOOK_NS (5 * (uint64_t)CLK_NS_PER_US)

enum stir_state {
    STIR_SLEEPS,
    STIR_LOOKS,
    STIR_LEAVES
};

static void stir_wake(struct stir *s)
{
    (void)syscall(SYS_futex, &s->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Looks round for a moment, then sleeps until it is woken. */
static void *stir_thread(void *arg)
{
    struct stir *s = arg;
    for (;;) {
        uint64_t until_ns = clk_now_ns() + STIR_LOOK_NS;
        uint32_t looks = STIR_LOOKS;
        while (clk_now_ns() < until_ns) {
        }
        (void)__atomic_compare_exchange_n(&s->word, &looks, STIR_SLEEPS, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&s->word, __ATOMIC_SEQ_CST) == STIR_SLEEPS)
            (void)syscall(SYS_futex, &s->word, FUTEX_WAIT_PRIVATE, STIR_SLEEPS, NULL, NULL, 0);
        if (__atomic_load_n(&s->word, __ATOMIC_SEQ_CST) == STIR_LEAVES)
            return NULL;
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
    uint32_t sleeps = STIR_SLEEPS;
    if (s->is_open && __atomic_compare_exchange_n(&s->word, &sleeps, STIR_LOOKS, false,
                                                  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        stir_wake(s);
}

void stir_release(struct stir *s)
{
    if (!s->is_open)
        return;
    __atomic_store_n(&s->word, STIR_LEAVES, __ATOMIC_SEQ_CST);
    stir_wake(s);
    (void)pthread_join(s->thread, NULL);
    s->is_open = false;
}
