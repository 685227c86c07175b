/*
 * moment: one moment by both clocks.
 */
#ifndef PROBES_NET_MOMENT_H
#define PROBES_NET_MOMENT_H

#include "probes/net/session.h"

/* Now; the two are read within a microsecond of each other, or as near as four tries give. */
struct session_time moment_now(void);

#endif
