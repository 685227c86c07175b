/*
 * stealclock: whether this platform can report steal at all. A steal of 0 is an answer only where
 * it can.
 * SOURCE: Linux arch/x86/kernel/kvm.c (KVM_FEATURE_STEAL_TIME), arch/arm64/kernel/paravirt.c (ARM
 * DEN0057: only where the hypervisor offers it), arch/x86/kernel/cpu/vmware.c (the same),
 * drivers/xen/time.c (always), arch/s390/kernel/vtime.c and arch/powerpc/kernel/time.c (always);
 * nothing of the kind in arch/x86/kernel/cpu/mshyperv.c. LXCFS doc: its /proc/stat is made up.
 */
#ifndef PROBES_KIT_STEALCLOCK_H
#define PROBES_KIT_STEALCLOCK_H

#include <stdbool.h>

#include "probes/kit/cause.h"
#include "probes/kit/container.h"
#include "probes/kit/cpuid.h"
#include "probes/kit/virt.h"

enum stealclock_answer {
    STEALCLOCK_UNKNOWN,
    STEALCLOCK_YES,
    STEALCLOCK_NO,
    STEALCLOCK_NEEDLESS /* there is no hypervisor */
};

struct stealclock {
    enum stealclock_answer answer;
    bool is_virtual;
    char why[160]; /* "Hyper-V fills the column of no Linux guest"; never empty */
};

/* From what virt, container and cpuid found. Pure. */
void stealclock_of(const struct virt *v, const struct container *c, const struct cpuid *cpuid,
                   struct stealclock *s);
/* Directory descriptors of /proc and /sys, or of recorded trees. */
void stealclock_find(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct stealclock *s);
/* "yes", "no"; "unknown"; "no hypervisor" */
const char *stealclock_word(enum stealclock_answer a);
/* For cause_split. */
struct cause_host stealclock_host(const struct stealclock *s);

#endif
