/*
 * engines: the rows of the engine table, one a file.
 */
#ifndef PROBES_DISK_ENGINES_H
#define PROBES_DISK_ENGINES_H

#include "probes/disk/engine.h"

extern const struct engine_row engine_uring;
extern const struct engine_row engine_aio;
extern const struct engine_row engine_sync;
extern const struct engine_row engine_null;

#endif
