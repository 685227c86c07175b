/*
 * passive_tell: what was counted in captured packets as sentences for people, and ratios.
 */
#ifndef PROBES_NET_PASSIVE_TELL_H
#define PROBES_NET_PASSIVE_TELL_H

#include "probes/kit/result.h"
#include "probes/net/passive.h"

/* The counts, what each figure means, and the connections with most samples. Closes p's flows. */
void passive_tell(struct passive *p, struct result *r);
/* 0, or why there is no figure: no TCP, none of these ports, an empty capture. */
int passive_tell_nothing(const struct passive *p, struct err *e);

#endif
