#include "probes/kit/stealclock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* Why a steal of 0 would say nothing here; NULL where the column is filled. */
static const char *stealclock_doubt(const struct virt *v, const struct container *c,
                                    const struct cpuid *cpuid)
{
    if (strcmp(c->name, "none") != 0)
        return "in a container the column is another machine's or nobody's";
    if (strcmp(v->name, "vmware") == 0)
        return "VMware fills the column only where its steal clock is switched on";
    if (strcmp(v->name, "microsoft") == 0)
        return "Hyper-V fills the column of no Linux guest";
    if (strcmp(v->name, "qemu") == 0)
        return "an emulated machine has no steal clock";
    if (strncmp(cpuid->vendor, "KVM", 3) == 0 && !(cpuid->features & CPUID_KVM_STEAL_TIME))
        return "this KVM host offers its guests no steal clock (CPUID 0x40000001, bit 5)";
    return NULL;
}

void stealclock_of(const struct virt *v, const struct container *c, const struct cpuid *cpuid,
                   struct stealclock *s)
{
    const char *doubt = stealclock_doubt(v, c, cpuid);
    *s = (struct stealclock){ .answer = doubt ? STEALCLOCK_NO : STEALCLOCK_YES };
    s->is_virtual = strcmp(v->name, "none") != 0;
    (void)snprintf(s->why, sizeof s->why, "%s", doubt ? doubt : v->why);
}

void stealclock_find(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct stealclock *s)
{
    struct container c;
    struct virt v;
    virt_find(proc_fd, sys_fd, cpuid, &v);
    container_find(proc_fd, sys_fd, &c);
    stealclock_of(&v, &c, cpuid, s);
}

const char *stealclock_word(enum stealclock_answer a)
{
    static const char *const words[] = { [STEALCLOCK_UNKNOWN] = "unknown",
                                         [STEALCLOCK_YES] = "yes",
                                         [STEALCLOCK_NO] = "no",
                                         [STEALCLOCK_NEEDLESS] = "no hypervisor" };
    return words[a];
}

struct cause_host stealclock_host(const struct stealclock *s)
{
    long hz = sysconf(_SC_CLK_TCK);
    return (struct cause_host){
        .is_virtual = s->is_virtual,
        .reports_steal = s->answer == STEALCLOCK_YES,
        .tick_ns = CLK_NS_PER_S / (uint64_t)(hz > 0 ? hz : 100),
    };
}
