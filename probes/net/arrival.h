/*
 * arrival: what the kernel tells beside a packet: when it came, with which TTL and TOS, to which of
 * our addresses; and what we tell it beside an answer.
 *
 * The time is the software's, on the wall clock that T3 is read from. A NIC's own stamp is on a
 * clock of its own, and a residence T3 - T2 between two clocks would be wrong by their difference.
 * SOURCE: socket(7) SO_TIMESTAMPNS (taken when the driver hands the packet over, so that the
 * wake-up of the reader is not in it), Linux Documentation/networking/timestamping.rst, ip(7)
 * IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, ipv6(7).
 */
#ifndef PROBES_NET_ARRIVAL_H
#define PROBES_NET_ARRIVAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probes/kit/err.h"

enum {
    ARRIVAL_CONTROL_BYTES = 256 /* of a msghdr, enough for all of it; aligned as a cmsghdr */
};

struct arrival {
    uint64_t real_ns; /* CLOCK_REALTIME; 0: the kernel gave none */
    uint8_t ttl;      /* or hop limit; 0: not known */
    bool tos_known;
    uint8_t tos;  /* DSCP in bits 7 to 2, ECN in 1 and 0; also IPv6's traffic class */
    bool to_many; /* to a broadcast or multicast address */
    int family;   /* of `to`: AF_INET, AF_INET6, AF_UNSPEC when not known */
    struct in_addr to4;
    struct in6_pktinfo to6;
};

/* Asks for all of it; what a kernel does not give is missing later. */
void arrival_enable(int fd, int family);
/* Reads the control part of a received message. */
void arrival_read(const struct msghdr *m, struct arrival *a);
/*
 * Writes the control part of an answer, so that it leaves from the address that was asked; control
 * has ARRIVAL_CONTROL_BYTES. Sets m->msg_control and its length.
 */
void arrival_answer_from(const struct arrival *a, void *control, struct msghdr *m);

/*
 * More of an answer's control part, after arrival_answer_from: the TOS it leaves with (v6: to an
 * IPv6 address that holds no IPv4 one); that the kernel stamps it when it leaves, SO_TIMESTAMPING.
 */
void arrival_answer_tos(bool v6, uint8_t tos, void *control, struct msghdr *m);
void arrival_answer_stamped(void *control, struct msghdr *m);

#endif
