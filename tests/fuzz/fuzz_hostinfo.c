/* The other texts that the host probe reads: the first byte says which. */
#include <stdint.h>

#include "probes/host/cgroup.h"
#include "probes/host/clocks.h"
#include "probes/host/cpu.h"
#include "probes/host/memory.h"
#include "probes/host/netlink.h"
#include "probes/host/oversell.h"
#include "probes/host/subgroup.h"
#include "probes/host/system.h"
#include "probes/kit/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_cpu(const char *text)
{
    char model[CPU_MODEL_BYTES];
    (void)cpu_parse_model(text, model);
    (void)cpu_count_list(text);
    bool has = false;
    (void)oversell_has_flag(text, "hypervisor", &has);
    uint64_t pages = 0;
    const char *why = NULL;
    (void)oversell_disclosed(text, &why);
    (void)oversell_parse_balloon(text, &pages);
}

static void read_system(const char *text)
{
    char name[64];
    uint64_t value = 0;
    bool handed_down = false;
    (void)system_parse_release(text, name, sizeof name);
    (void)memory_parse(text, "MemTotal", &value);
    (void)clocks_parse_uptime(text, &value);
    (void)subgroup_owner(text, &handed_down);
}

static void read_cgroup(const char *text)
{
    struct cgroup c = { 0 };
    cgroup_parse_mounts(text, &c);
    cgroup_add_v2(&c, text, 6001);
    (void)cgroup_version(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf text = { 0 };
    int sys = 0;
    if (size == 0)
        return 0;
    buf_add(&text, data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        read_cpu(buf_text(&text));
        break;
    case 1:
        read_system(buf_text(&text));
        break;
    case 2:
        read_cgroup(buf_text(&text));
        break;
    default:
        (void)netlink_verdict(data + 1, size - 1, &sys);
        break;
    }
    return 0;
}
