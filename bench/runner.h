/*
 * runner: forks one child a probe, so that a hung disk is a result and not a hung tool.
 *
 * A child that overstays its slot by its grace is told to stop, then killed; one that does not even
 * die (stuck in an uninterruptible write) is reported and left behind. Its scratch room is made and
 * emptied in children too: the parent touches no disk that may hang.
 */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include "bench/harvest.h"
#include "bench/job.h"
#include "bench/scratch.h"
#include "bench/worker.h"
#include "probes/kit/err.h"

/*
 * At least one result, each with the probe's name and a status; one for each peer that the probe
 * named. A probe that failed is no error: -1 only without memory.
 */
int runner_run(const struct job *job, const struct scratch *scratch, /* NULL: none */
               const struct worker_hooks *hooks, struct harvest *out, struct err *e);
/* Whether the probe can work here, asked in a child with a deadline. -1 and the sentence if not. */
int runner_ask(const struct job *job, struct err *e);
/* Removes the whole scratch directory in a child, and closes *s whatever became of it. */
void runner_tidy(struct scratch *s, const struct patience *patience);

#endif
