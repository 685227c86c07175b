/*
 * watch: what the witness does in its child: samples, differences, answers to marks.
 */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <stdint.h>

#include "probes/kit/metric.h"

/* The metrics of the witness, for profiles to name. */
const struct metric *watch_table(void);

/* Serves marks on fd until FRAME_FINISH or the end of the stream; then the process should end. */
void watch_serve(int fd, uint64_t run_start_ns);

#endif
