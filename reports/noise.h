/*
 * noise: who took the CPU, and the worst moments of the run, as HTML.
 */
#ifndef REPORTS_NOISE_H
#define REPORTS_NOISE_H

#include "probes/kit/document.h"
#include "probes/kit/err.h"
#include "reports/html.h"

/* Sections; nothing where there is nothing to say. */
void noise_thief(struct html *h, const struct document *d);
int noise_worst(struct html *h, const struct document *d, struct err *e);

#endif
