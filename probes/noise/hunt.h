/*
 * hunt: one turn on one CPU, and what took it away. The loop of spin runs on a CPU that it is bound
 * to; each long gap is set against what the scheduler counted of this thread, and goes to an
 * inquest; the short ones between two of its looks are added up, and set against the interrupts
 * that the CPU took meanwhile.
 *
 * The inquest looks at the host every 100 ms, from this very thread: a helper on another CPU would
 * make a load that the probe then finds. The time of a look, of reading evidence and of coming to
 * the CPU is no gap and is not counted as spun.
 *
 * A gap counts for the turn in which it began, whole; and the turn's time runs from when it was
 * due, not from when the CPU was there. So shares and rates are right on the mean for a thief who
 * comes without regard to the turns, however long his gaps are. What held the CPU when the turn was
 * due began earlier, is found by no reading, and is no gap.
 *
 * One thread opens it and runs it. A turn allocates nothing but for the mask of its CPU.
 */
#ifndef PROBES_NOISE_HUNT_H
#define PROBES_NOISE_HUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/cause.h"
#include "probes/kit/inquest.h"
#include "probes/kit/ownsched.h"
#include "probes/kit/tick.h"
#include "probes/noise/spin.h"

/* Long enough to be worth a look at its evidence. */
#define HUNT_LONG_NS UINT64_C(500000)

struct hunt_cpu {
    uint32_t cpu;
    bool refused; /* could not be bound to */
    bool loose;   /* any CPU, the last of them */
    uint64_t turns, spun_ns;
    uint64_t gaps, lost_ns, longest_ns;
    struct spin_octave octaves[SPIN_OCTAVES];
};

struct hunt {
    struct tick clock;
    struct spin spin;
    struct hist gaps; /* of the repetition; pages touched ahead */
    struct ownsched own;
    struct ownsched_now base; /* what the evidence is counted from */
    struct inquest *inquest;
    uint64_t looked_ns;                      /* when the last one ended */
    uint64_t blind_ns;                       /* of this turn: neither spun nor lost */
    uint64_t queued_ns;                      /* of the short gaps that are not told of */
    uint64_t told_ns, told_gaps, told_at_ns; /* of short gaps, and when they were */
    uint64_t ended_ns;                       /* when the last long gap did */
    uint64_t over_ns;                        /* when the turn before was over */
};

struct hunt_site {
    int proc_fd, sys_fd;
    struct cause_host host;
    bool counts_interrupts; /* by CPU */
    const volatile sig_atomic_t *stopping;
    uint64_t threshold_ns; /* 0: by the loop's own step */
};

int hunt_open(struct hunt *h, const struct hunt_site *site, struct err *e);
/*
 * Binds the thread, waits until the turn is due, spins until it is over. What it found is added to
 * *c and to h->gaps. False: that CPU refuses, and nothing was done.
 */
bool hunt_turn(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns);
/* The same on whichever CPU the scheduler chooses, which is then c->cpu. */
void hunt_turn_loose(struct hunt *h, struct hunt_cpu *c, uint64_t due_ns, uint64_t until_ns);
/* Sleeps, looking meanwhile. */
void hunt_rest(struct hunt *h, uint64_t until_ns);
/* Settles all gaps, once the last turn is done. Takes 20 ms. */
void hunt_close(struct hunt *h);
void hunt_release(struct hunt *h); /* idempotent */

/* Of a CPU's gaps, long and short, as far as they are settled; observed_ns is what was spun. */
void hunt_blame(const struct hunt *h, const struct hunt_cpu *c, struct inquest_blame *b);

#endif
