/*
 * sync: what the kernel says of its wall clock, as a STAMP error estimate.
 * SOURCE: adjtimex(2): STA_UNSYNC, maxerror in microseconds.
 */
#ifndef PROBES_NET_SYNC_H
#define PROBES_NET_SYNC_H

#include <stdint.h>

/* S is set when a daemon keeps the clock; the error is the kernel's bound, 16 s when it has none.
 */
uint16_t sync_error_estimate(void);

#endif
