/*
 * noise: the probes of this family.
 */
#ifndef PROBES_NOISE_NOISE_H
#define PROBES_NOISE_NOISE_H

#include "probes/probe.h"

extern const struct probe noise_stall;
extern const struct probe noise_gap;
extern const struct probe noise_speed;
extern const struct probe noise_pressure;

#endif
