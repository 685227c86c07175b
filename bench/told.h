/*
 * told: what a probe found on one host, in words: figures, facts and notes of a document.
 */
#ifndef BENCH_TOLD_H
#define BENCH_TOLD_H

#include "probes/kit/buf.h"
#include "probes/kit/document.h"
#include "probes/probe.h"

/* For every place the probe was measured in; says so when the document has none. */
void told_by(const struct probe *p, const struct document *d, const char *path, struct buf *out);

#endif
