/*
 * beat: the options of a run that say how net.rtt sends.
 */
#ifndef BENCH_BEAT_H
#define BENCH_BEAT_H

#include <stdbool.h>

#include "bench/plan.h"
#include "probes/kit/opt.h"

struct beat {
    const char *interval; /* "10ms"; read by the probe */
    bool wire;
};

/* Rows for a config struct that holds a `struct beat` as `member`. */
#define BEAT_OPTIONS(conf, member)                                                                 \
    OPT_TEXT(conf, member.interval, .name = "interval", .arg = "TIME",                             \
             .help = "Time between two packets of net.rtt to a --peer, 10ms when not given."),     \
        OPT_FLAG(conf, member.wire, .name = "wire",                                                \
                 .help = "Capture the packets of net.rtt on the interface too, and tell how far "  \
                         "its times are from ours. Needs root or CAP_NET_RAW.")

/* Hands what was given to net.rtt, where it is in the plan. ERR_USAGE naming the option. */
int beat_apply(const struct beat *b, struct plan *p, struct err *e);

#endif
