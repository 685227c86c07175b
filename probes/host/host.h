/*
 * host: the probes of this family.
 */
#ifndef PROBES_HOST_HOST_H
#define PROBES_HOST_HOST_H

#include "probes/probe.h"

extern const struct probe host;

#endif
