/*
 * toll: what stalls cost: how many were longer than what breaks an orchestrator, and the sentence
 * that says who took the time. Pure.
 */
#ifndef PROBES_NOISE_TOLL_H
#define PROBES_NOISE_TOLL_H

#include <stddef.h>
#include <stdint.h>

#include "probes/kit/inquest.h"

enum {
    TOLL_BOUNDS = 7,
    TOLL_TEXT_BYTES = 320,
    TOLL_ALL = -1 /* every CPU that was watched */
};

/*
 * 1, 10, 100, 200, 500, 900 and 1000 ms. SOURCE: etcd server/embed/config.go (heartbeat 100 ms,
 * election 1000 ms), hashicorp/raft config.go (lease 500 ms).
 */
extern const uint64_t toll_bounds_ns[TOLL_BOUNDS];

/* Adds one to the count of each bound that the stall is longer than. */
void toll_count(uint64_t counts[TOLL_BOUNDS], uint64_t length_ns);

struct toll {
    int32_t cpu;   /* or TOLL_ALL */
    unsigned cpus; /* that were watched */
    const struct inquest_blame *blame;
    uint64_t window_ns;
    uint64_t longest_ns; /* stall there; 0: not known */
};

uint64_t toll_lost_ns(const struct inquest_blame *b);
uint64_t toll_stalls(const struct inquest_blame *b);

/*
 * "CPU 1 was not ours for 2.10 % of the time, in 14 stalls up to 38.0 ms: this guest's other
 * processes 97 %, unknown 3 %."
 */
void toll_tell(const struct toll *t, char text[TOLL_TEXT_BYTES]);

#endif
