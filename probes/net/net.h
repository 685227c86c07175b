/*
 * net: the probes of this family.
 */
#ifndef PROBES_NET_NET_H
#define PROBES_NET_NET_H

#include "probes/probe.h"

extern const struct probe net_rtt;
extern const struct probe net_passive;
extern const struct probe net_mtu;
extern const struct probe net_ports;
extern const struct probe net_connect;
extern const struct probe net_load;

#endif
