/*
 * cause: who took the CPU away. One thread was late, or its busy loop had a gap; what the kernel
 * says of that time is split into classes. Pure; what is not explained is unknown, for a wrong
 * accusation is worse than none.
 */
#ifndef PROBES_KIT_CAUSE_H
#define PROBES_KIT_CAUSE_H

#include <stdbool.h>
#include <stdint.h>

enum cause {
    CAUSE_HYPERVISOR, /* and its steal column says so */
    CAUSE_UNREPORTED, /* the hypervisor, whose steal column does not say so */
    CAUSE_OTHERS,     /* this guest's other processes */
    CAUSE_OWN,        /* this program's own load */
    CAUSE_QUOTA,      /* the CPU quota of our control group or of one above it */
    CAUSE_INTERRUPTS,
    CAUSE_HALTED, /* a signal or a freezer stopped us, or the machine slept */
    CAUSE_UNKNOWN,
    CAUSES
};

enum {
    CAUSE_ID_BYTES = 24 /* the longest with its end */
};

/* One stall or gap, with the evidence of the thread that had it. */
struct episode {
    uint64_t at_ns;     /* CLOCK_MONOTONIC: the missed deadline, or the last reading before it */
    uint64_t length_ns; /* from there to the wake, or the next reading */
    uint64_t queued_ns; /* of it: runnable, and waiting in the run queue */
    uint32_t cpu;
    uint32_t sleeps;    /* voluntary switches beyond those asked for */
    uint32_t count;     /* 1; more: many short gaps added up, of one turn */
    uint64_t span_ns;   /* then: how long the turn was that at_ns begins; 0: length_ns */
    uint32_t preempted; /* involuntary switches: somebody was put in our place */
    bool queued_known;
    bool slept; /* it waited for a timer; false: its loop was running */
    bool vague; /* its deadline had passed before it slept: what kept it is not known */
};

/* What the kernel counted between the two glimpses that enclose an episode. */
struct cause_window {
    uint64_t length_ns;
    uint64_t lost_ns; /* all episodes on that CPU in the window, less what quotas held back */
    uint64_t lost_queued_ns;                     /* of it: queued */
    uint64_t steal_ns, irq_ns, busy_ns, idle_ns; /* of that CPU; irq = hard + soft; busy = user +
                                                    nice + system; idle = idle + iowait */
    uint64_t all_busy_ns;                        /* busy, over all CPUs */
    uint64_t own_ns;                             /* this program's processes, over all CPUs */
    /* Of the two glimpses next to the episode, for these are exact; all else may be of a wider
     * window. */
    uint64_t throttled_ns, throttles;
    uint64_t ahead_ns;     /* of it: what longer episodes on this CPU may have had */
    uint64_t suspended_ns; /* the machine slept */
    uint64_t interrupts;   /* of that CPU; 0 when not counted */
    bool cpu_known;        /* steal_ns to idle_ns are: false for a CPU that came or went */
    bool own_known, throttled_known;
    bool own_hidden; /* there is a load of ours, and own_ns is not known */
    bool halted;     /* other threads of ours were stopped or frozen meanwhile */
    bool partial;    /* part of the episode is outside: what was counted then is not known */
};

struct cause_host {
    bool is_virtual;
    bool reports_steal; /* the platform can; when in doubt, false */
    uint64_t tick_ns;   /* unit of the counters: 10 ms */
};

/* "hypervisor", "unreported", "others", "own", "quota", "interrupts", "halted", "unknown" */
const char *cause_id(enum cause c);
/* As people read it: "this guest's other processes". */
const char *cause_name(enum cause c);
/* -1: no such id. */
int cause_of_id(const char *id);

/* Shares of e->length_ns; they add up to it. */
void cause_split(const struct episode *e, const struct cause_window *w, const struct cause_host *h,
                 uint64_t share_ns[CAUSES]);
/* The largest; CAUSE_UNKNOWN when all are 0, or when it is unreported and less than half. */
enum cause cause_main(const uint64_t share_ns[CAUSES]);

#endif
