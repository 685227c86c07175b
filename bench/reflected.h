/*
 * reflected: what a reflector has counted, as a line for people and as JSON for programs.
 */
#ifndef BENCH_REFLECTED_H
#define BENCH_REFLECTED_H

#include <jansson.h>

#include "probes/kit/buf.h"
#include "probes/net/reflector.h"

/* "12 packets, 9 answered, 2 not allowed (--allow), 1 too short; refused: about 2 sources". */
void reflected_line(const struct reflector *r, struct buf *out);
/* New reference; NULL when out of memory. */
json_t *reflected_json(const struct reflector *r);

#endif
