/*
 * floor: what this instrument itself takes: round trips to a reflector of our own over the
 * loopback, where there is no network. Nothing shorter can be told of a peer.
 */
#ifndef PROBES_NET_FLOOR_H
#define PROBES_NET_FLOOR_H

#include <signal.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/kit/hist.h"

#define FLOOR_NS       (200 * (uint64_t)CLK_NS_PER_MS)
#define FLOOR_EVERY_NS ((uint64_t)CLK_NS_PER_MS)

struct floor_hists {
    struct hist rtt, felt; /* opened by the caller */
};

/* Takes FLOOR_NS, a packet each FLOOR_EVERY_NS. ERR_IO where the loopback cannot be used. */
int floor_measure(struct floor_hists *out, const volatile sig_atomic_t *stop, struct err *e);

#endif
