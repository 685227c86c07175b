/*
 * stamping: when the kernel and the NIC sent and took a packet, asked of a socket.
 *
 * Stamps of arrival come beside the packet, those of sending on the error queue, without the packet
 * but with the number of the send call since the last restart. A NIC is never reconfigured: where
 * no one has switched its stamps on, there are none.
 * SOURCE: Linux Documentation/networking/timestamping.rst.
 */
#ifndef PROBES_NET_STAMPING_H
#define PROBES_NET_STAMPING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probes/net/session.h"

/* Both ways; false when this kernel gives none of sending. Numbers begin with 0. */
bool stamping_start(int fd);
/* Numbers begin with 0 again; a failed send may or may not have taken one. */
void stamping_restart(int fd);

struct stamping_note { /* what one message of the error queue says */
    bool is_stamp;
    uint32_t number;
    struct session_stamp stamp;
    int error; /* ICMP; 0: none */
};

/* From the control part of a message received. */
void stamping_read(const struct msghdr *m, struct session_stamp *stamp);
void stamping_read_note(const struct msghdr *m, struct stamping_note *note);

#endif
