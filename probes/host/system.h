/*
 * system: the host's name, its distribution, its kernel, what it runs on and in.
 */
#ifndef PROBES_HOST_SYSTEM_H
#define PROBES_HOST_SYSTEM_H

#include "probes/kit/cpuid.h"
#include "probes/kit/facts.h"

/*
 * PRETTY_NAME, or NAME and VERSION_ID, in the text of an os-release file, quotes and backslashes
 * undone. SOURCE: os-release(5). -1 when there is neither.
 */
int system_parse_release(const char *text, char *name, size_t size);
/*
 * States host.os, host.hostname, host.virtualization, host.product, host.container, host.userns and
 * host.steal.reported.
 */
void system_state(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct facts *f);
/*
 * States host.kernel.release, host.kernel.version and host.kernel.options; the version as
 * kernel_version gives it, 0 when it is not known.
 */
unsigned system_state_kernel(int proc_fd, struct facts *f);

#endif
