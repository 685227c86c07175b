/*
 * portset: TCP ports as people list them, "2379,6443,30000-32767". None is all.
 */
#ifndef PROBES_NET_PORTSET_H
#define PROBES_NET_PORTSET_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

enum {
    PORTSET_RANGES = 32
};

struct portset {
    struct portset_range {
        uint16_t low, high; /* inclusive */
    } ranges[PORTSET_RANGES];

    unsigned count; /* 0: every port */
};

/* ERR_USAGE naming the part that is no port; NULL and "" are none. */
int portset_parse(const char *text, struct portset *p, struct err *e);
bool portset_has(const struct portset *p, uint16_t port);
/*
 * A filter in the language of pcap-filter(7) that lets their segments through, and what the kernel
 * cannot look into: IPv6 with extension headers; with tags, also frames that carry VLAN tags.
 */
void portset_filter(const struct portset *p, bool tags, struct buf *out);

#endif
