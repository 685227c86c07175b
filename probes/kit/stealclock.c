#include "probes/kit/stealclock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/clk.h"

/* What a platform does with the column; KVM on x86 says itself. */
static const struct stealclock_row {
    const char *name; /* as virt_find calls it */
    enum stealclock_answer answer;
    const char *why;
} stealclock_rows[] = {
    {"none",       STEALCLOCK_NEEDLESS, "there is no hypervisor that could steal"                  },
    { "xen",       STEALCLOCK_YES,      "Xen tells every guest for how long it was not run"        },
    { "zvm",       STEALCLOCK_YES,      "z/VM tells every guest for how long it was not run"       },
    { "powervm",   STEALCLOCK_YES,      "PowerVM tells every partition for how long it was not run"},
    { "microsoft", STEALCLOCK_NO,       "Hyper-V fills the column of no Linux guest"               },
    { "qemu",      STEALCLOCK_NO,       "an emulated machine has no steal clock"                   },
    { "oracle",    STEALCLOCK_NO,       "VirtualBox has no steal clock"                            },
    { "vmware",    STEALCLOCK_UNKNOWN,
     "VMware fills the column only where its steal clock is switched on"                           },
    { "kvm",       STEALCLOCK_UNKNOWN,
     "whether KVM has a steal clock for this guest cannot be seen on this architecture"            },
};

/* Containers whose /proc/stat is not the one of the kernel below, or that have many neighbours in
 * that kernel. */
static const char *const stealclock_shared[] = { "lxc", "lxc-libvirt", "openvz", "proot" };

static const struct stealclock_row *stealclock_row(const char *name)
{
    for (size_t i = 0; i < sizeof stealclock_rows / sizeof *stealclock_rows; i++) {
        if (strcmp(stealclock_rows[i].name, name) == 0)
            return &stealclock_rows[i];
    }
    return NULL;
}

static void stealclock_say(struct stealclock *s, enum stealclock_answer answer, const char *why)
{
    s->answer = answer;
    (void)snprintf(s->why, sizeof s->why, "%s", why);
}

static bool stealclock_is_shared(const char *container)
{
    for (size_t i = 0; i < sizeof stealclock_shared / sizeof *stealclock_shared; i++) {
        if (strcmp(stealclock_shared[i], container) == 0)
            return true;
    }
    return false;
}

void stealclock_of(const struct virt *v, const struct container *c, const struct cpuid *cpuid,
                   struct stealclock *s)
{
    const struct stealclock_row *row = stealclock_row(v->name);
    *s = (struct stealclock){ .is_virtual = strcmp(v->name, "none") != 0 };
    if (stealclock_is_shared(c->name))
        stealclock_say(s, STEALCLOCK_NO,
                       "in a container the column is another machine's or "
                       "nobody's");
    else if (strncmp(cpuid->vendor, "KVM", 3) == 0 && (cpuid->features & CPUID_KVM_STEAL_TIME))
        stealclock_say(s, STEALCLOCK_YES,
                       "this KVM host offers a steal clock (CPUID 0x40000001, bit 5)");
    else if (strncmp(cpuid->vendor, "KVM", 3) == 0)
        stealclock_say(s, STEALCLOCK_NO,
                       "this KVM host offers its guests no steal clock (CPUID 0x40000001, bit 5)");
    else if (row)
        stealclock_say(s, row->answer, row->why);
    else
        stealclock_say(s, STEALCLOCK_UNKNOWN,
                       "it is not known whether this hypervisor has a steal clock");
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
