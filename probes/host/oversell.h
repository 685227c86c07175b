/*
 * oversell: signs that this host was sold more than once, or does not show what it is: ways to take
 * memory back from a running guest, and a CPU that hides behind a name.
 *
 * None of them is proof: a balloon is a tool of good hosts too. They say what can be taken away.
 * SOURCE: Linux drivers/virtio/virtio_balloon.c, drivers/misc/vmw_balloon.c,
 * drivers/hv/hv_balloon.c, drivers/xen/xen-balloon.c (sysfs xen_memory); mm/balloon_compaction.c
 * (vmstat counts pages); Documentation/admin-guide/mm/ksm.rst (run 0, 1, 2; pages_sharing); QEMU
 * target/i386/cpu.c (model ids); Firecracker docs/cpu_templates (the name it shows).
 */
#ifndef PROBES_HOST_OVERSELL_H
#define PROBES_HOST_OVERSELL_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/facts.h"

/* What a model name tells of the processor: "yes", "generation" or "no"; *why: of the latter two.
 */
const char *oversell_disclosed(const char *model, const char **why);
/* Pages that a balloon holds, in the text of /proc/vmstat. -1: it does not count them. */
int oversell_parse_balloon(const char *vmstat, uint64_t *pages);
/* Whether a word is among the flags of a /proc/cpuinfo of x86. -1: it has no flags. */
int oversell_has_flag(const char *cpuinfo, const char *flag, bool *has);
/* The processor's counter, per second, against CLOCK_MONOTONIC for 20 ms; 0 where there is none
 * that is steady. */
double oversell_counter_rate(void);

struct oversell_host {
    int proc_fd, sys_fd;
    uint64_t page_bytes;
    const char *virt;    /* host.virtualization; "none" on bare metal, NULL: not known */
    double counter_rate; /* of the processor's counter, per second; 0: none */
};

/* States host.balloon, host.balloon.taken, host.ksm, host.cpu.disclosed, host.cpu.clock,
 * host.cpu.hypervisor and host.cpu.threads. */
void oversell_state(const struct oversell_host *h, struct facts *f);

#endif
