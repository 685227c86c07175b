/*
 * labels: the user's words about a run: "--label provider=Hetzner".
 */
#ifndef BENCH_LABELS_H
#define BENCH_LABELS_H

#include "probes/kit/document.h"
#include "probes/kit/opt.h"

/* Only the keys that reports know: provider, plan, region, price, node, note. */
int labels_parse(const struct opt_list *labels, struct document *d, struct err *e);

#endif
