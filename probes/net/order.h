/*
 * order: how far answers come out of the order in which the packets were sent. Pure, fixed size.
 *
 * A packet is reordered when a later one came before it; its extent is how many arrivals lie
 * between the earliest of these and itself. SOURCE: RFC 4737 3.3 (NextExp), 4.2.1 (extent).
 */
#ifndef PROBES_NET_ORDER_H
#define PROBES_NET_ORDER_H

#include <stdint.h>

enum {
    ORDER_REMEMBERED = 256 /* arrivals; a larger extent is told as this */
};

struct order {
    uint32_t expected;                 /* next by RFC 4737 */
    uint32_t recent[ORDER_REMEMBERED]; /* ring of what arrived */
    uint64_t arrived;
    uint64_t reordered;
    uint32_t extent_max; /* packets; 0: none was reordered */
};

/* Sequences begin with this one. */
void order_begin(struct order *o, uint32_t first);
/* A packet arrived, for the first time. */
void order_arrived(struct order *o, uint32_t sequence);

#endif
