/*
 * dial: one TCP connection that is made, timed, and closed again without a byte sent.
 *
 * The end is orderly: FIN, then what the peer still says is read and dropped until its FIN, so that
 * no reset is sent to a service that greets first. Nothing blocks and nothing allocates.
 */
#ifndef PROBES_NET_DIAL_H
#define PROBES_NET_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/net/door.h"

enum dial_phase {
    DIAL_IDLE,
    DIAL_CONNECTING,
    DIAL_CLOSING, /* the outcome is known */
};

struct dial {
    enum dial_phase phase;
    int fd; /* -1 when idle */
    uint64_t began_ns;
    uint64_t limit_ns; /* when the phase is given up, CLOCK_MONOTONIC */
};

#define DIAL_CLOSED                                                                                \
    (struct dial)                                                                                  \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

struct dial_outcome {
    enum door door;
    int code;           /* errno; 0: connected */
    uint64_t took_ns;   /* from before connect(2) until this process saw the outcome */
    uint64_t kernel_ns; /* the kernel's own round trip (TCP_INFO tcpi_rtt); 0: none */
};

/* True when the outcome is there at once. */
bool dial_begin(struct dial *d, const union peer_sockaddr *to, uint64_t timeout_ns,
                struct dial_outcome *out);
/* Call when the socket is ready or the limit has passed; true when the outcome is there now. */
bool dial_step(struct dial *d, uint64_t now_ns, struct dial_outcome *out);
short dial_events(const struct dial *d); /* for poll(2) */
void dial_release(struct dial *d);       /* idempotent */

#endif
