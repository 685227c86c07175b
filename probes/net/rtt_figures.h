/*
 * rtt_figures: what net.rtt reports of each peer, row by row, each with the RFC that defines it.
 */
#ifndef PROBES_NET_RTT_FIGURES_H
#define PROBES_NET_RTT_FIGURES_H

#include "probes/kit/metric.h"

enum {
    RTT_WIRE,
    RTT_FELT,
    RTT_SEND,
    RTT_WAKE,
    RTT_REFLECTOR,
    RTT_IPDV_UP,
    RTT_IPDV_DOWN,
    RTT_PDV_UP,
    RTT_PDV_DOWN,
    RTT_JITTER_UP,
    RTT_JITTER_DOWN,
    RTT_LOSS,
    RTT_LOSS_UP,
    RTT_LOSS_DOWN,
    RTT_LOSS_RUN,
    RTT_LOSS_SPAN,
    RTT_DUPLICATES,
    RTT_REORDERED,
    RTT_EXTENT,
    RTT_GAP,
    RTT_OFFSET,
    RTT_OFFSET_ERROR,
    RTT_FLOOR,
    RTT_WIRE_SENT,
    RTT_WIRE_RECEIVED,
    RTT_FIGURES
};

extern const struct metric rtt_figures[]; /* ended by METRIC_END */

#endif
