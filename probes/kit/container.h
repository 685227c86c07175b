/*
 * container: whether this userland has a kernel of its own, by systemd's names.
 *
 * SOURCE: the signs and their order are those of systemd src/basic/virt.c; OpenVZ with the
 * exceptions of Puppet's facter: /proc/lve/list is CloudLinux on a machine of its own, and
 * "envID: 0" the OpenVZ host.
 *
 * One thing is asked beyond that. A /.dockerenv or /run/.containerenv also lies in virtual machines
 * whose root was made from a container image, so it counts for nothing where the PID, IPC, UTS and
 * user namespaces are the kernel's first ones and the root is no overlay.
 * SOURCE: the inode numbers of the first namespaces, Linux include/linux/proc_ns.h.
 */
#ifndef PROBES_KIT_CONTAINER_H
#define PROBES_KIT_CONTAINER_H

#include <stdbool.h>

struct container {
    char name[24];       /* "none", "lxc", "openvz", "docker", "wsl", "container-other", ... */
    char why[160];       /* what it was learnt from, for people */
    bool user_namespace; /* root here is not root of the kernel */
    char uid_map[64];    /* first line of /proc/self/uid_map; "" when it cannot be read */
};

/* Directory descriptors of /proc and /sys, or of recorded trees; / is looked at as self/root. */
void container_find(int proc_fd, int sys_fd, struct container *c);

#endif
