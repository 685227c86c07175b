/*
 * yardstick: how fast one CPU of this host does common work, to express the cost of code by that
 * cannot be run here: the CPU time of inflating one KiB with zlib, of a fixed piece of text-like
 * content. It goes with clock, caches, branch prediction and memory as such code does.
 *
 * Takes some 5 ms, and 300 kB while it does. Any thread.
 */
#ifndef PROBES_IMAGE_YARDSTICK_H
#define PROBES_IMAGE_YARDSTICK_H

#include "probes/kit/err.h"

/* Nanoseconds of CPU for one KiB inflated: the median of some rounds. Some 3000 are usual. */
int yardstick_kib_ns(double *kib_ns, struct err *e);

#endif
