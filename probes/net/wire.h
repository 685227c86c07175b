/*
 * wire: our packets as the capture on the outgoing interface sees them, beside the kernel's times
 * that the sessions took. By libpcap, nanoseconds, a handle that does not block, in the fleet's own
 * wait; not in immediate mode, which would wake us for every packet.
 *
 * Only wire_open allocates. Not thread-safe.
 * SOURCE: pcap(3PCAP); packets of STAMP as in stamp.h.
 */
#ifndef PROBES_NET_WIRE_H
#define PROBES_NET_WIRE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"
#include "probes/net/fleet.h"
#include "probes/net/sighting.h"

enum {
    WIRE_NAME_BYTES = 32
};

/* The wire's time less the kernel's, of one packet of a member. */
struct wire_sink {
    void (*sent)(void *arg, unsigned member, int64_t diff_ns);
    void (*received)(void *arg, unsigned member, int64_t diff_ns);
    void *arg;
};

struct wire_counts {
    uint64_t seen;      /* packets of our sessions */
    uint64_t unmatched; /* of these, whose kernel's time is not known */
    uint64_t dropped;   /* by the capture; set by wire_finish */
};

struct pcap;

struct wire {
    struct pcap *handle;       /* owned; NULL: closed */
    const struct fleet *fleet; /* borrowed */
    struct wire_sink sink;
    enum sighting_link link;
    char interface[WIRE_NAME_BYTES];
    struct wire_counts counts;
};

/*
 * On the interface by which packets to the first member leave, and watched by the fleet from then
 * on. ERR_DENIED, ERR_UNSUPPORTED with what is missing.
 */
int wire_open(struct wire *w, struct fleet *f, const struct wire_sink *sink, struct err *e);
void wire_release(struct wire *w); /* idempotent */
/* Waits for what the capture still holds, a quarter of a second at most. */
void wire_finish(struct wire *w, const volatile sig_atomic_t *stop);

#endif
