/*
 * thrift: how often the witness may look and its sleepers wake, so that all of it costs less than
 * half a percent of one CPU.
 */
#ifndef BENCH_THRIFT_H
#define BENCH_THRIFT_H

#include <stdint.h>

struct thrift_sleepers {
    uint64_t interval_ns; /* of each */
    unsigned threads;     /* of the CPUs, so many at a time */
};

/* What one wake of a sleeper costs here: CPU time, the median of a few. Takes some 10 ms. */
uint64_t thrift_wake_ns(void);
/* 10 ms to 50 ms; fewer CPUs at a time where that is too dear for all. Pure. */
struct thrift_sleepers thrift_sleepers(unsigned cpus, uint64_t wake_ns);
/*
 * How long to wait after a look that cost so much CPU time: 100 ms to 500 ms; longer where all of
 * the witness cost too large a share of one CPU in the last second. Pure.
 */
uint64_t thrift_pause_ns(uint64_t look_ns, double cost_ratio);

#endif
