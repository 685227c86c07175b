/*
 * coincidence: what happened to the CPUs while a probe waited. An event of a probe is set against
 * the episodes of the same time line: stalls and gaps of the witness and of the noise probes, with
 * their causes. That they fell together is said, and no more: an event that lies inside a theft is
 * not proved to come of it. Pure.
 */
#ifndef REPORTS_COINCIDENCE_H
#define REPORTS_COINCIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/cause.h"
#include "probes/kit/document.h"

enum coincidence_kind {
    COINCIDENCE_ITSELF,   /* the event is an episode, and knows its cause */
    COINCIDENCE_EPISODES, /* of one cause on one CPU, the most of them */
    COINCIDENCE_NOTHING,  /* the witness looked, and saw nothing then */
    COINCIDENCE_NOBODY    /* nobody watched, or nobody asked for a cause */
};

struct coincidence {
    enum coincidence_kind kind;
    enum cause cause;    /* of ITSELF and EPISODES */
    int32_t cpu;         /* of EPISODES; -1: not known */
    unsigned count;      /* episodes that overlap */
    uint64_t longest_ns; /* of them, whole */
    uint64_t overlap_ns; /* of the event, in episodes; at most its duration */
    uint64_t event_ns;
    bool is_episode;    /* the event is a stall or gap itself */
    double steal_ratio; /* of NOTHING: over the whole of the event's measurement; NAN: not said */
    double throttle_ratio;
};

/* Whether events of that measurement are episodes: times in which a CPU did not run the program. */
bool coincidence_watches(const struct result *r);
/* By how much two events overlap in time. Nanoseconds. */
uint64_t coincidence_overlap_ns(const struct result_event *a, const struct result_event *b);
/* event is one of owner's, and owner one of d's measurements or its witness. */
void coincidence_find(const struct document *d, const struct result *owner,
                      const struct result_event *event, struct coincidence *c);
/*
 * "inside a 38.1-ms theft on CPU 1 (hypervisor)" from nine tenths on, "20.1 of its 40.2 ms in 4
 * thefts on CPU 1 (hypervisor)", "a theft (hypervisor)" of what is a stall itself, "nothing was
 * seen stolen, stalled or throttled meanwhile", "nobody watched".
 */
void coincidence_tell(const struct coincidence *c, struct buf *out);
/* "theft (hypervisor)", "wait behind this guest's other processes": one episode of that cause. */
void coincidence_name(enum cause cause, struct buf *out);
/* "38.1-ms" after "a " or "an ". */
void coincidence_length(uint64_t length_ns, struct buf *out);

#endif
