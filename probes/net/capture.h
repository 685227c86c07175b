/*
 * capture: packets from libpcap: live from an interface, without blocking, or from a file (pcap or
 * pcapng). Only headers are taken. Times in nanoseconds where the source has them.
 */
#ifndef PROBES_NET_CAPTURE_H
#define PROBES_NET_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>

#include <pcap/pcap.h>

#include "probes/net/passive.h"

enum {
    CAPTURE_SNAP_BYTES = 192,      /* two VLAN tags, IPv6 with an extension, all of TCP's options */
    CAPTURE_RING_BYTES = 16 << 20, /* 50 ms of 10 Gbit/s by full packets, cut */
    CAPTURE_HAND_OVER_MS = 50,     /* the kernel hands a block over at the latest */
    CAPTURE_BYTES_MAX = 1 << 26    /* a packet's length on the wire; more is a lie */
};

struct capture {
    pcap_t *pcap; /* owned; NULL when closed */
    int link;     /* DLT_ */
    bool live;
    bool nanoseconds;
    FILE *file;     /* borrowed from pcap, which closes it; NULL when live */
    uint64_t bytes; /* of the file */
    uint64_t lies;  /* packets whose lengths cannot be */
};

enum capture_step {
    CAPTURE_PACKET,
    CAPTURE_EMPTY, /* none now; capture_wait */
    CAPTURE_END,   /* of the file */
    CAPTURE_BROKEN /* why is in *e */
};

/* Each: no such interface, no privilege, no such file, no capture file, link layer not known. */
int capture_open_live(struct capture *c, const char *interface, const struct portset *ports,
                      struct err *e);
int capture_open_file(struct capture *c, const char *path, struct err *e);
/* Takes file, also when it fails. name: for messages. */
int capture_open_stream(struct capture *c, FILE *file, const char *name, struct err *e);
void capture_close(struct capture *c); /* idempotent */

/* The next packet; its bytes are good until the next call. */
enum capture_step capture_next(struct capture *c, struct passive_packet *packet, struct err *e);
/* Until there may be packets, or that CLOCK_MONOTONIC time, or a signal. */
void capture_wait(const struct capture *c, uint64_t until_ns);
/* Packets that the kernel had no room for. */
uint64_t capture_dropped(const struct capture *c);
/* "EN10MB"; never NULL. */
const char *capture_link_name(const struct capture *c);

#endif
