#include "probes/kit/affinity.h"

#include <errno.h>
#include <sched.h>

enum {
    AFFINITY_BITS = 1 << 16 /* the largest mask that is asked for */
};

static int affinity_list(const cpu_set_t *set, size_t size, uint32_t *cpus, unsigned most)
{
    unsigned count = 0;
    for (uint32_t cpu = 0; count < most && cpu < size * 8; cpu++) {
        if (CPU_ISSET_S(cpu, size, set))
            cpus[count++] = cpu;
    }
    return (int)count;
}

int affinity_cpus(uint32_t *cpus, unsigned most, struct err *e)
{
    for (unsigned bits = CPU_SETSIZE; bits <= AFFINITY_BITS; bits *= 2) {
        cpu_set_t *set = CPU_ALLOC(bits);
        size_t size = CPU_ALLOC_SIZE(bits);
        int sys = !set ? ENOMEM : sched_getaffinity(0, size, set) ? errno : 0;
        int count = sys ? 0 : affinity_list(set, size, cpus, most);
        CPU_FREE(set);
        if (!sys)
            return count;
        if (sys != EINVAL)
            return err_set(e, err_kind_of(sys), sys, "ask which CPUs may be used");
    }
    return err_set(e, ERR_UNSUPPORTED, 0, "this kernel has more than %d CPUs", AFFINITY_BITS);
}

bool affinity_pin(uint32_t cpu)
{
    cpu_set_t *set = CPU_ALLOC(cpu + 1U);
    size_t size = CPU_ALLOC_SIZE(cpu + 1U);
    if (!set)
        return false;
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    bool pinned = sched_setaffinity(0, size, set) == 0;
    CPU_FREE(set);
    return pinned;
}
