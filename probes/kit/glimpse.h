/*
 * glimpse: the host's counters at one moment: what each CPU did, what quotas held back, what is
 * ours. Allocates when it is opened and reserved, and not when it is taken.
 * SOURCE: Linux Documentation/filesystems/proc.rst 1.7 (stat) and 1.2 (interrupts, whose first line
 * names the CPUs of its columns); steal is counted at the tick after the theft.
 */
#ifndef PROBES_KIT_GLIMPSE_H
#define PROBES_KIT_GLIMPSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/cause.h"
#include "probes/kit/err.h"
#include "probes/kit/steal.h"
#include "probes/kit/throttle.h"

/* Nanoseconds since boot, in whole ticks. */
struct glimpse_cpu {
    uint64_t steal_ns, irq_ns, busy_ns, idle_ns;
    uint64_t interrupts;
    bool present; /* online, and in /proc/stat */
};

struct glimpse {
    uint64_t at_ns, until_ns; /* CLOCK_MONOTONIC: the reading began and was done */
    uint64_t suspended_ns;    /* since boot */
    uint64_t own_ns;
    struct throttle_now throttle;
    bool own_known, own_hidden, throttled_known; /* own_hidden: asked for, and not known */
    struct glimpse_cpu all;                      /* present: /proc/stat could be read */
    struct glimpse_cpu *cpus;                    /* owned; by number */
    uint32_t room;                               /* of them */
};

struct glimpse_site {
    int proc_fd, sys_fd; /* borrowed until glimpse_open returns */
    bool counts_interrupts;
    uint64_t (*own_ns)(void *arg); /* as in struct inquest_site */
    void *own_arg;
};

/* What looks. One thread uses it. */
struct glimpse_eye {
    int stat_fd, interrupts_fd; /* -1: cannot be read */
    struct throttle throttle;
    struct steal steal; /* room for what is parsed */
    char *text;
    uint64_t tick_ns;
    uint64_t suspended_ns; /* last known */
    uint32_t cpus;         /* the highest number, and one */
    bool made_up;          /* LXCFS: its CPUs are renumbered, only their sum is used */
    uint64_t (*own_ns)(void *arg);
    void *own_arg;
};

#define GLIMPSE_EYE_NONE                                                                           \
    {                                                                                              \
        .stat_fd = -1, .interrupts_fd = -1                                                         \
    }

/* -1: no memory. What cannot be read is not known later. */
int glimpse_open(struct glimpse_eye *eye, const struct glimpse_site *site, struct err *e);
void glimpse_eye_release(struct glimpse_eye *eye); /* idempotent */

int glimpse_reserve(struct glimpse *g, uint32_t cpus, struct err *e);
void glimpse_release(struct glimpse *g); /* idempotent */

/* Into a glimpse that was reserved. */
void glimpse_take(struct glimpse_eye *eye, struct glimpse *g);

/* Whether the /proc/stat of this mountinfo is one that LXCFS makes up. SOURCE: LXCFS README. */
bool glimpse_is_made_up(const char *mountinfo);
/* Pure parts: a parsed /proc/stat, and the text of /proc/interrupts, whole lines alone. */
void glimpse_stat(struct glimpse *g, const struct steal *s, uint64_t tick_ns);
void glimpse_interrupts(struct glimpse *g, const char *text);

/*
 * What was counted from a to b on that CPU; lost_ns and ahead_ns are left 0. A counter that ran
 * backwards has counted nothing; the kernel lets idle do so a little. Where more of them did, the
 * CPU is not known: it was unplugged meanwhile, or the machine moved to another host.
 */
struct cause_window glimpse_window(const struct glimpse *a, const struct glimpse *b, uint32_t cpu);

#endif
