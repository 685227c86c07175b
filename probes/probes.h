/*
 * probes: the list of all probes, in the order of the report.
 */
#ifndef PROBES_PROBES_H
#define PROBES_PROBES_H

#include "probes/probe.h"

extern const struct probe *const probes_all[]; /* ended by NULL */

const struct probe *probes_find(const char *name); /* NULL when not known */
/* The metric or fact with that id in any probe; owner may be NULL. NULL when not known. */
const struct metric *probes_metric(const char *id, const struct probe **owner);
const struct fact_row *probes_fact(const char *name, const struct probe **owner);

#endif
