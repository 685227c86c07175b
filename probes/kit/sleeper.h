/*
 * sleeper: one thread's sleep to an absolute deadline, and what the thread itself can tell of a
 * late wake. Allocates nothing after sleeper_open.
 *
 * It sleeps in a blocking read of a timer descriptor, which costs exactly one voluntary switch.
 * A thread that was stopped by a signal or frozen by a control group goes to sleep once more, and
 * that is how it knows. In clock_nanosleep a freezer of cgroup v1 would not show: the task is
 * frozen where it lies. SOURCE: timerfd_create(2); Linux kernel/time/hrtimer.c (do_nanosleep sleeps
 * TASK_INTERRUPTIBLE|TASK_FREEZABLE) against fs/timerfd.c (TASK_INTERRUPTIBLE).
 */
#ifndef PROBES_KIT_SLEEPER_H
#define PROBES_KIT_SLEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/cause.h"
#include "probes/kit/ownsched.h"

struct sleeper {
    int timer_fd; /* -1: none could be had, clock_nanosleep instead */
    struct ownsched sched;
    struct ownsched_now before; /* read after the previous wake */
    bool asked;                 /* the last sleep was one: its deadline was still to come */
};

#define SLEEPER_NONE                                                                               \
    {                                                                                              \
        .timer_fd = -1, .sched = OWNSCHED_NONE                                                     \
    }

/* For the calling thread, which alone may use it. Works with less where something is missing. */
void sleeper_open(struct sleeper *s);
void sleeper_release(struct sleeper *s); /* idempotent */

/* Sleeps until an absolute CLOCK_MONOTONIC time; returns early (-1) on a signal. */
int sleeper_until(struct sleeper *s, uint64_t due_ns);

/* To be called before the first sleep and after one that is not asked about. */
void sleeper_settle(struct sleeper *s);

/*
 * What the wake at woke_ns from a sleep that was to end at due_ns is called, should it be an
 * episode; to be called once after every wake, for it also reads the evidence that the next one
 * starts from.
 */
void sleeper_tell(struct sleeper *s, uint64_t due_ns, uint64_t woke_ns, struct episode *e);

/*
 * Pure: the same of two readings, taken after the wake before and after this one, the latter done
 * at told_ns. When the thread lost its CPU between the wake and the reading, the episode lasts
 * until the reading, for so does its evidence. One that was held up before it could go to sleep
 * found its deadline passed: `asked` is false, and that it slept no more than once says nothing.
 */
void sleeper_compare(const struct ownsched_now *before, const struct ownsched_now *after,
                     const uint64_t due_woke_told_ns[3], bool asked, struct episode *e);

#endif
