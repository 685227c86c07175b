/*
 * lift: facts belong to the host, not to the probe that found them.
 */
#ifndef BENCH_LIFT_H
#define BENCH_LIFT_H

#include "probes/kit/document.h"

/*
 * Moves the facts found in that place to the host's, under document_fact_name. What does not fit
 * (LIMITS_FACTS) is left out.
 */
void lift_facts(struct document *d, const char *place, struct facts *found);

#endif
