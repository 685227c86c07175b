/*
 * inquest: who took the CPU away in each episode. It looks at the host's counters every 50 to 100
 * ms, keeps about a second of that, and sets each episode against the counters between the looks
 * that enclose it. An episode shorter than two ticks of the counters is set against a wide window
 * of about a second, in which many short ones add up to whole ticks.
 *
 * One thread owns it. look, add and close allocate nothing.
 */
#ifndef PROBES_KIT_INQUEST_H
#define PROBES_KIT_INQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/cause.h"
#include "probes/kit/err.h"

enum {
    INQUEST_CASES = 128,  /* the longest episodes that are kept */
    INQUEST_ALL = -1,     /* every CPU together */
    INQUEST_LOOK_MS = 50, /* the interval for which the rings are made */
};

struct glimpse;
struct inquest; /* opaque */

struct inquest_site {
    int proc_fd, sys_fd; /* borrowed until inquest_open returns */
    struct cause_host host;
    bool counts_interrupts; /* for episodes that are many short gaps; dear where CPUs are many */
    uint64_t interval_ns;   /* between the deadlines of the sleepers; 0: it was no sleeper */
    /*
     * CPU time so far of all this program's processes that may load the host; NULL: what queues is
     * never our own. UINT64_MAX: it cannot be found out, and then what queues may be either's. The
     * thread that has the episodes should not be among them.
     */
    uint64_t (*own_ns)(void *arg);
    void *own_arg;
};

/* What was lost on one CPU, or all. */
struct inquest_blame {
    uint64_t lost_ns[CAUSES]; /* by share */
    uint64_t count[CAUSES];   /* episodes by their main cause */
    double missed[CAUSES];    /* deadlines, by share: each episode missed one and those within it */
    uint64_t observed_ns;     /* since open, times the CPUs */
};

struct inquest_case {
    struct episode episode;
    uint64_t share_ns[CAUSES];
    enum cause main;
};

/* Takes the first glimpse. NULL: no memory. What cannot be read is left unknown. */
struct inquest *inquest_open(const struct inquest_site *site, struct err *e);
/* Every 50 to 100 ms, more often does nothing; settles the episodes that it closes. */
void inquest_look(struct inquest *q);
/* From the thread that looks. */
void inquest_add(struct inquest *q, const struct episode *e);
/*
 * The thread that looks asked for nothing but sleep in that time, and was stopped or frozen in it:
 * late wakes meanwhile are no hypervisor's. Sleepers alone on their CPU do not always know.
 */
void inquest_halted(struct inquest *q, uint64_t from_ns, uint64_t to_ns);
/* The last look, two ticks after the last episode; settles all that is left. */
void inquest_close(struct inquest *q);
/* Of one CPU, or INQUEST_ALL; what is settled so far. Never NULL: a CPU unknown has lost nothing.
 */
const struct inquest_blame *inquest_blame(const struct inquest *q, int32_t cpu);
/* The longest settled episodes, longest first; at most `most` are written; how many. */
unsigned inquest_worst(const struct inquest *q, struct inquest_case *cases, unsigned most);
/* Episodes that came faster than they could be kept, and were not settled one by one: counted as
 * unknown. */
uint64_t inquest_crowded(const struct inquest *q);
/* The last look, borrowed until the next. Never NULL. */
const struct glimpse *inquest_last(const struct inquest *q);
void inquest_free(struct inquest *q); /* NULL is allowed */

/*
 * For people: "hypervisor, unreported 99 %, interrupts 1 %"; causes below 1 % are left out; ""
 * when nothing was lost.
 */
void inquest_tell(const struct inquest_blame *b, char *text, size_t size);

#endif
