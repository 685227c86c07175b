/*
 * ceilings: kernel limits that a full node hits, from /proc/sys.
 *
 * SOURCE: k3s-io/k3s#10020 (inotify instances), moby contrib/check-config.sh (root_maxkeys),
 * kube-proxy (conntrack), kubelet (maxOpenFiles 1000000, maxPods against pid_max).
 */
#ifndef PROBES_HOST_CEILINGS_H
#define PROBES_HOST_CEILINGS_H

#include "probes/kit/facts.h"

/*
 * States host.inotify.instances, host.inotify.watches, host.conntrack.max, host.keys.root_maxkeys,
 * host.pid_max, host.nofile and host.ip_forward.
 */
void ceilings_state(int proc_fd, struct facts *f);

#endif
