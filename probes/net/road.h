/*
 * road: an unconnected UDP socket that many sessions share, with the kernel's times of what it
 * sends and takes. Answers from anywhere are handed on: who asked whom is not its business.
 *
 * Each packet to be sent has a tag, by which its time of sending is told later. Only road_open
 * allocates. Not thread-safe.
 */
#ifndef PROBES_NET_ROAD_H
#define PROBES_NET_ROAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/peer.h"
#include "probes/net/session.h"

enum {
    ROAD_BATCH = 16, /* packets a system call sends: the last one waits some 30 us for the first */
    ROAD_TAKEN = 64, /* packets or notes a system call takes */
    ROAD_PENDING = 8192 /* sent packets whose time may still come */
};

struct road_terms {
    int family;
    size_t packet_bytes; /* the longest */
    unsigned senders;    /* how many share it: with one, one packet is taken at a time */
    uint8_t tos;
};

struct road_packet {
    const union peer_sockaddr *from;
    const uint8_t *bytes;
    size_t size; /* one more than the longest: it was longer still */
    struct session_arrival came;
};

/* Told from road_flush, road_take and road_read_notes. */
struct road_sink {
    void (*packet)(void *arg, const struct road_packet *packet);
    void (*stamp)(void *arg, uint64_t tag, const struct session_stamp *stamp);
    void (*unsent)(void *arg, uint64_t tag, int code); /* the kernel did not take it */
    void (*icmp)(void *arg, const union peer_sockaddr *to, int code);
    void *arg;
};

struct road_batch;
struct road_pending;

struct road {
    int fd;       /* ROAD_CLOSED or open */
    bool stamped; /* the kernel tells when packets left */
    struct road_terms terms;
    struct road_sink sink;
    struct road_batch *batch;     /* owned */
    struct road_pending *pending; /* owned ring by number */
    uint32_t number;              /* of the next packet, by the kernel's count */
    unsigned filled;              /* packets to be flushed */
};

#define ROAD_CLOSED                                                                                \
    (struct road)                                                                                  \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

int road_open(struct road *r, const struct road_terms *terms, const struct road_sink *sink,
              struct err *e);
void road_release(struct road *r); /* idempotent */

/* Room for one more packet; road_push keeps it, and flushes when ROAD_BATCH are there. */
uint8_t *road_room(struct road *r);
void road_push(struct road *r, const union peer_sockaddr *to, size_t size, uint64_t tag);
/* Sends what was pushed and takes the notes. */
void road_flush(struct road *r);

/* Takes what has come; false when there may be more, so that a flood cannot keep us from sending.
 */
bool road_take(struct road *r);
/* The times of sending, and ICMP errors. */
void road_read_notes(struct road *r);

#endif
