/*
 * ports: which of the orchestrators' ports are taken already.
 *
 * The ports are those of probes/kit/services.h. SOURCE: /proc/net/{tcp,udp}: Linux
 * Documentation/networking/proc_net_tcp.rst, state 0A is TCP_LISTEN, 07 an unconnected UDP socket.
 */
#ifndef PROBES_HOST_PORTS_H
#define PROBES_HOST_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/facts.h"
#include "probes/kit/services.h"

struct ports {
    bool taken[SERVICES_MAX]; /* by row of services_all */
};

/* Marks the sockets in the text of one of the four files. Lines it does not know are passed over.
 */
void ports_parse(const char *text, bool udp, struct ports *p);
/* "6443 10250 8472/udp", in the order of the table. */
void ports_words(const struct ports *p, struct buf *words);
/* States host.ports.listening. */
void ports_state(int proc_fd, struct facts *f);

#endif
