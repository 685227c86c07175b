/*
 * spin: a loop that reads the clock and does nothing else. Between two readings lies its own step,
 * some 25 ns; where more lies between them, something else had the CPU: a gap. It sleeps never,
 * allocates nothing and touches no new memory.
 *
 * It comes back to its caller where the caller has evidence to read: after a long gap, after enough
 * short ones, and at the end. What happens until it is called again is no gap.
 * SOURCE: the idea of sysjitter (D. Riddoch) and of oslat (rt-tests).
 */
#ifndef PROBES_NOISE_SPIN_H
#define PROBES_NOISE_SPIN_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/hist.h"
#include "probes/kit/tick.h"

enum {
    SPIN_OCTAVES = 32 /* from 1 us to half an hour */
};

enum spin_end {
    SPIN_OVER, /* the time is, or the run is stopping */
    SPIN_LONG, /* after a long gap */
    SPIN_MANY, /* after short ones that add up */
};

/* Gaps of like length: from a power of two to the next. */
struct spin_octave {
    uint64_t gaps, lost_ns;
};

/* What was found since it was last cleared. */
struct spin_tally {
    uint64_t gaps, lost_ns; /* long and short */
    uint64_t longest_ns;
    struct spin_octave octaves[SPIN_OCTAVES];
    uint64_t short_gaps, short_ns, short_at_ns; /* of these the short ones; when the first began */
};

struct spin {
    const struct tick *clock;
    const volatile sig_atomic_t *stopping;
    struct hist *gaps;         /* pages touched ahead; NULL: none is kept */
    uint64_t step_ns;          /* the loop's own; a gap is what is beyond it */
    uint64_t threshold_ns;     /* a gap is at least that long */
    uint64_t long_ns;          /* from here on it is a long one */
    uint64_t many_ns;          /* short ones that add up to that are told of */
    uint64_t since_ns;         /* short ones since the loop came back last */
    uint64_t at_ns, length_ns; /* the long gap that it came back for */
    struct spin_tally tally;
};

/* Measures step_ns, the median of a thousand, which takes less than 20 ms unless the CPU is gone.
 */
void spin_learn(struct spin *s);
/* The threshold where none is asked for: 3 us, or eight steps of a loop whose clock is slow. */
uint64_t spin_threshold_ns(uint64_t step_ns);
/*
 * The length in which the lost time is spent: half of it in shorter gaps, half in longer ones, so
 * that thousands of short ones do not hide the long. 0 of none.
 */
uint64_t spin_usual_ns(const struct spin_octave octaves[SPIN_OCTAVES]);
/* Until a time of CLOCK_MONOTONIC, or earlier. */
enum spin_end spin_run(struct spin *s, uint64_t until_ns);
/*
 * A gap that the loop did not see, since it came while its caller did something else. A short one
 * is nothing: false. A long one is then in at_ns and length_ns.
 */
bool spin_missed(struct spin *s, uint64_t at_ns, uint64_t length_ns);

#endif
