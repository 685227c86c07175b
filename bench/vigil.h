/*
 * vigil: the options of a run that say how much noise.gap takes to see more.
 */
#ifndef BENCH_VIGIL_H
#define BENCH_VIGIL_H

#include "bench/plan.h"
#include "probes/kit/opt.h"

struct vigil {
    const char *spin; /* "25%"; read by the probe */
};

/* Rows for a config struct that holds a `struct vigil` as `member`. */
#define VIGIL_OPTIONS(conf, member)                                                                \
    OPT_TEXT(conf, member.spin, .name = "spin", .arg = "SHARE",                                    \
             .help = "Share of its time in which noise.gap keeps one CPU busy to see who takes "   \
                     "it away, 25% when not given; 100% leaves no pause.")

/* Hands what was given to noise.gap, where it is in the plan. ERR_USAGE naming the option. */
int vigil_apply(const struct vigil *v, struct plan *p, struct err *e);

#endif
