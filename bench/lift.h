/*
 * lift: facts belong to the host, not to the probe that found them.
 */
#ifndef BENCH_LIFT_H
#define BENCH_LIFT_H

#include "probes/kit/facts.h"

/*
 * Moves the facts to the host's. Those of a further place carry its name before theirs:
 * "images.disk.class". What does not fit (LIMITS_FACTS) is left out.
 */
void lift_facts(struct facts *host, const char *place, struct facts *found);

#endif
