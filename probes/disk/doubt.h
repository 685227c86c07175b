/*
 * doubt: why not to believe a latency figure of a disk. Each looks at all that was recorded for one
 * metric and marks the result untrusted, with a sentence, or leaves it alone.
 */
#ifndef PROBES_DISK_DOUBT_H
#define PROBES_DISK_DOUBT_H

#include <stdint.h>

#include "probes/kit/hist.h"
#include "probes/kit/place.h"
#include "probes/kit/result.h"

#define DOUBT_TAIL 0.01 /* the quantile of reads whose source is looked at beside the median's */

enum {
    DOUBT_SAMPLES = 100,        /* a p99 needs one sample beyond it */
    DOUBT_SLOW_NS = 10000000,   /* 10 ms: few samples are then the disk's doing, not ours */
    DOUBT_MEMORY_NS = 10000,    /* no network or NAND medium answers a read within 10 us */
    DOUBT_CACHED_PERCENT = 1,   /* of a file read with O_DIRECT, in the page cache */
    DOUBT_OVERHEAD_PERCENT = 5, /* of the median, that our own clock readings may take */
    DOUBT_READINGS = 2          /* of the clock, between the two ends of one I/O */
};

/*
 * Too few samples for the tail. Not a doubt but a note where each I/O took so long that few fitted
 * in: such a disk is slow beyond doubt, only its tail is not known.
 */
void doubt_few(struct result *r, const char *metric, const struct hist *seen, uint64_t observed_ns);
/*
 * Reads of a block device that no medium can answer so fast: most of them, a doubt; one in a
 * hundred and more, a note.
 */
void doubt_memory(struct result *r, const char *metric, const struct hist *seen,
                  const struct place *place);
/* So much of the file, 0..1, was in this host's page cache, which O_DIRECT should pass; NAN: not
 * known. */
void doubt_cached(struct result *r, double resident_ratio);
/* Our own clock readings weigh too much. */
void doubt_overhead(struct result *r, const char *metric, const struct hist *seen,
                    uint64_t clock_cost_ns);

#endif
