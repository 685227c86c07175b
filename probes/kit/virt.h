/*
 * virt: on what this kernel runs: the hypervisor by systemd's names, and the product that is sold.
 *
 * SOURCE: the order and the signs of systemd src/basic/virt.c: DMI first, but only for oracle, xen,
 * amazon, parallels and google, which others can be mistaken for; then UML, Xen, CPUID, the other
 * DMI names, /sys/hypervisor, the device tree, z/VM. A "Microsoft Hv" in CPUID is believed last,
 * because others imitate it. Firecracker is a KVM without DMI, known by the OEM id "FIRECK" of its
 * ACPI tables.
 */
#ifndef PROBES_KIT_VIRT_H
#define PROBES_KIT_VIRT_H

#include "probes/kit/cpuid.h"

struct virt {
    char name[24];     /* "kvm", "xen", ...; "none"; "vm-other" */
    char why[160];     /* what it was learnt from, for people */
    char product[128]; /* "DigitalOcean Droplet", "Firecracker"; "" when nobody says */
};

/* Directory descriptors of /proc and /sys, or of recorded trees. */
void virt_find(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct virt *v);

#endif
