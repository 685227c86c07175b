/*
 * headline: the figures of one measurement in half a line, for people.
 */
#ifndef PROBES_KIT_HEADLINE_H
#define PROBES_KIT_HEADLINE_H

#include "probes/kit/buf.h"
#include "probes/kit/result.h"

/* result_headline says what it looks like. */
void headline_write(const struct result *r, struct buf *out);

#endif
