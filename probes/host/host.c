#include "probes/host/host.h"

#include <unistd.h>

#include "probes/host/addresses.h"
#include "probes/host/ceilings.h"
#include "probes/host/cgroup.h"
#include "probes/host/clocks.h"
#include "probes/host/cpu.h"
#include "probes/host/memory.h"
#include "probes/host/oversell.h"
#include "probes/host/ports.h"
#include "probes/host/storage.h"
#include "probes/host/system.h"

static const struct fact_row host_facts[] = {
    HOST_TEXT("host.os", "The distribution, as it names itself."),
    HOST_TEXT("host.hostname", "The name of this machine."),
    HOST_LIST("host.addresses", "Its IP addresses, but for loopback and link-local ones."),
    HOST_TEXT("host.virtualization",
              "The hypervisor under this kernel, by systemd's names; none on bare metal."),
    HOST_TEXT("host.product", "Vendor and product, as the firmware names them."),
    HOST_TEXT(
        "host.container",
        "The container around this userland, by systemd's names; none on a kernel of its own."),
    HOST_TEXT("host.userns",
              "Whether this is a user namespace, where root has no power over the kernel."),
    HOST_TEXT("host.steal.reported",
              "Whether this platform can say how much CPU time it gives to others."),
    HOST_TEXT("host.kernel.release", "The release of the running kernel."),
    HOST_NUMBER("host.kernel.version", UNIT_VERSION, "Its version: major and minor."),
    HOST_LIST("host.kernel.options", "Its build options, =y or =m, that orchestrators ask after."),
    HOST_TEXT("host.cgroup.version", "The mounted control groups: 1, 2, hybrid or none."),
    HOST_LIST("host.cgroup.controllers", "The resources that they can control."),
    HOST_NUMBER("host.cpus", UNIT_COUNT, "CPUs that may be used."),
    HOST_TEXT("host.cpu.model", "The model that the CPU claims to be."),
    HOST_TEXT("host.cpu.disclosed",
              "Whether that name tells which processor it is: yes, generation, or no."),
    HOST_TEXT("host.cpu.clock",
              "Whether the frequency in /proc agrees with the processor's own counter: agrees or "
              "differs."),
    HOST_TEXT("host.cpu.hypervisor", "Whether the CPU says that a hypervisor is under it."),
    HOST_NUMBER("host.cpu.threads", UNIT_COUNT,
                "Threads that share a core, as this kernel was told; two slow each other down."),
    HOST_TEXT(
        "host.balloon",
        "The driver by which the host can take memory back from this guest; none: it cannot."),
    HOST_NUMBER("host.balloon.taken", UNIT_BYTES, "Memory that the host has taken back by it."),
    HOST_TEXT(
        "host.ksm",
        "Whether this kernel merges equal pages, as a host does that sells more memory than it "
        "has: running, stopped or unmerged."),
    HOST_NUMBER("host.memory", UNIT_BYTES, "RAM that the kernel has to give."),
    HOST_NUMBER("host.swap", UNIT_BYTES, "Swap space in use or ready."),
    HOST_NUMBER("host.uptime", UNIT_NS, "Time since boot."),
    HOST_TEXT("host.disk.fs", "The filesystem under --dir."),
    HOST_TEXT("host.disk.journal",
              "Its journal mode; without a journal a sync is cheaper, and a crash dearer."),
    HOST_TEXT("host.disk.device", "The disk under it."),
    HOST_TEXT("host.disk.driver", "The disk's driver."),
    HOST_TEXT("host.disk.rotational", "Whether it says that it spins."),
    HOST_TEXT("host.disk.scheduler", "Its I/O scheduler."),
    HOST_TEXT("host.disk.write_cache", "Its write cache, as it says."),
    HOST_NUMBER("host.disk.size", UNIT_BYTES, "Size of the filesystem under --dir."),
    HOST_NUMBER("host.disk.free", UNIT_BYTES, "Free space there."),
    HOST_NUMBER("host.disk.free_ratio", UNIT_RATIO, "Free space there, of the whole."),
    HOST_NUMBER("host.disk.inodes_free_ratio", UNIT_RATIO, "Free inodes there, of all."),
    HOST_TEXT(
        "host.clock.source",
        "What the kernel counts time with; hpet, acpi_pm and xen make every reading a slow one."),
    HOST_TEXT("host.clock.synchronised", "Whether the wall clock is kept right."),
    HOST_NUMBER("host.inotify.instances", UNIT_COUNT,
                "Instances of inotify a user may have; each container's shim takes some."),
    HOST_NUMBER("host.inotify.watches", UNIT_COUNT, "Watches of inotify a user may have."),
    HOST_NUMBER("host.conntrack.max", UNIT_COUNT, "Connections that can be tracked."),
    HOST_NUMBER("host.keys.root_maxkeys", UNIT_COUNT,
                "Keys that root may have; each container takes one."),
    HOST_NUMBER("host.pid_max", UNIT_COUNT, "The highest process id."),
    HOST_NUMBER("host.nofile", UNIT_COUNT,
                "Open files that a process may be allowed (fs.nr_open)."),
    HOST_TEXT("host.ip_forward", "Whether IPv4 packets are forwarded: 0 or 1."),
    HOST_LIST("host.ports.listening",
              "Orchestrators' ports that are in use: \"6443\" is TCP, \"4789/udp\" is UDP."),
    FACT_END,
};

static void host_state_oversell(const struct probe_site *site, struct facts *f)
{
    const struct fact *virt = facts_find(f, "host.virtualization");
    long page = sysconf(_SC_PAGESIZE);
    struct oversell_host h = { .proc_fd = site->proc_fd,
                               .sys_fd = site->sys_fd,
                               .page_bytes = page > 0 ? (uint64_t)page : 4096,
                               .virt = virt ? virt->text : NULL,
                               .counter_rate = oversell_counter_rate() };
    oversell_state(&h, f);
}

static int host_measure(struct probe_run *run, struct err *e)
{
    const struct probe_site *site = run->site;
    struct facts *f = &run->result->facts;
    struct cpuid cpuid = cpuid_read();
    (void)e;
    system_state(site->proc_fd, site->sys_fd, &cpuid, f);
    addresses_state(f);
    unsigned kernel = system_state_kernel(site->proc_fd, f);
    cgroup_state(site->proc_fd, site->sys_fd, kernel, f);
    cpu_state(site->proc_fd, site->sys_fd, site->cpus, f);
    memory_state(site->proc_fd, f);
    host_state_oversell(site, f);
    clocks_state(site->proc_fd, site->sys_fd, clocks_ask(), f);
    ceilings_state(site->proc_fd, f);
    ports_state(site->proc_fd, f);
    storage_state(site->place, f);
    return 0;
}

const struct probe host = {
    .name = "host",
    .title = "What this host is",
    .why = "No measurement makes up for a kernel without namespaces, a foreign kernel or a taken "
           "port.",
    .source = "kubernetes system-validators and kubeadm preflight; moby contrib/check-config.sh; "
              "k3s contrib/util/check-config.sh; systemd src/basic/virt.c",
    .facts = host_facts,
    .measure = host_measure,
};
