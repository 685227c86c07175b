/*
 * child: the life of a probe in its own process: setup, repetitions, judge, fragment, teardown.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "bench/job.h"

/* Sends FRAME_PROGRESS after each repetition and one FRAME_RESULT at the end. scratch_fd: -1 for
 * none; home_fd: the one in the first place, or the same. */
void child_run(const struct job *job, int scratch_fd, int home_fd, int out_fd);

#endif
