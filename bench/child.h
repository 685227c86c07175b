/*
 * child: the life of a probe in its own process: setup, repetitions, judge, fragment, teardown.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "bench/job.h"

/* Directories of the scratch: as struct probe_run has them; -1 for none. */
struct child_rooms {
    int scratch_fd, home_fd, shared_fd;
};

/* Sends FRAME_PROGRESS after each repetition and at the end one FRAME_RESULT for
 * each part, or FRAME_ERROR. */
void child_run(const struct job *job, const struct child_rooms *rooms, int out_fd);

#endif
