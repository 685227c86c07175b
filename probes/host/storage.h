/*
 * storage: facts of the filesystem and disk under --dir, from what kit/place found.
 */
#ifndef PROBES_HOST_STORAGE_H
#define PROBES_HOST_STORAGE_H

#include "probes/kit/facts.h"
#include "probes/kit/place.h"

/* States host.disk.*; all unknown when p is NULL. */
void storage_state(const struct place *p, struct facts *f);

#endif
