/*
 * evidence: everything the verdicts rest on, as HTML: measurements with parameters, statistics and
 * their intervals, notes, events, what the witness saw; and the facts of the host.
 */
#ifndef REPORTS_EVIDENCE_H
#define REPORTS_EVIDENCE_H

#include "probes/kit/document.h"
#include "reports/html.h"

void evidence_measurements(struct html *h, const struct document *d);
void evidence_host(struct html *h, const struct document *d);

#endif
