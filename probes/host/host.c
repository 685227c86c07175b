#include "probes/host/host.h"

#include "probes/host/ceilings.h"
#include "probes/host/cgroup.h"
#include "probes/host/clocks.h"
#include "probes/host/cpu.h"
#include "probes/host/memory.h"
#include "probes/host/ports.h"
#include "probes/host/storage.h"
#include "probes/host/system.h"

static const struct fact_row host_facts[] = {
    {"host.os",                      FACT_TEXT,   UNIT_NONE,    "The distribution, as it names itself."          },
    { "host.hostname",               FACT_TEXT,   UNIT_NONE,    "The name of this machine."                      },
    { "host.virtualization",         FACT_TEXT,   UNIT_NONE,
     "The hypervisor under this kernel, by systemd's names; none on bare metal."                                 },
    { "host.product",                FACT_TEXT,   UNIT_NONE,    "Vendor and product, as the firmware names them."},
    { "host.container",              FACT_TEXT,   UNIT_NONE,
     "The container around this userland, by systemd's names; none where the kernel is its own."                 },
    { "host.userns",                 FACT_TEXT,   UNIT_NONE,
     "Whether this is a user namespace, where root has no power over the kernel."                                },
    { "host.kernel.release",         FACT_TEXT,   UNIT_NONE,    "The release of the running kernel."             },
    { "host.kernel.version",         FACT_NUMBER, UNIT_VERSION, "Its version: major and minor."                  },
    { "host.kernel.options",         FACT_LIST,   UNIT_NONE,
     "Its build options, =y or =m, that orchestrators ask after."                                                },
    { "host.cgroup.version",         FACT_TEXT,   UNIT_NONE,
     "The mounted control groups: 1, 2, hybrid or none."                                                         },
    { "host.cgroup.controllers",     FACT_LIST,   UNIT_NONE,    "The resources that they can control."           },
    { "host.cpus",                   FACT_NUMBER, UNIT_COUNT,   "CPUs that may be used."                         },
    { "host.cpu.model",              FACT_TEXT,   UNIT_NONE,    "The model that the CPU claims to be."           },
    { "host.memory",                 FACT_NUMBER, UNIT_BYTES,   "RAM that the kernel has to give."               },
    { "host.swap",                   FACT_NUMBER, UNIT_BYTES,   "Swap space in use or ready."                    },
    { "host.uptime",                 FACT_NUMBER, UNIT_NS,      "Time since boot."                               },
    { "host.disk.fs",                FACT_TEXT,   UNIT_NONE,    "The filesystem under --dir."                    },
    { "host.disk.journal",           FACT_TEXT,   UNIT_NONE,
     "Its journal mode; without a journal a sync is cheaper, and a crash dearer."                                },
    { "host.disk.device",            FACT_TEXT,   UNIT_NONE,    "The disk under it."                             },
    { "host.disk.driver",            FACT_TEXT,   UNIT_NONE,    "The disk's driver."                             },
    { "host.disk.rotational",        FACT_TEXT,   UNIT_NONE,    "Whether it says that it spins."                 },
    { "host.disk.scheduler",         FACT_TEXT,   UNIT_NONE,    "Its I/O scheduler."                             },
    { "host.disk.write_cache",       FACT_TEXT,   UNIT_NONE,    "Its write cache, as it says."                   },
    { "host.disk.size",              FACT_NUMBER, UNIT_BYTES,   "Size of the filesystem under --dir."            },
    { "host.disk.free",              FACT_NUMBER, UNIT_BYTES,   "Free space there."                              },
    { "host.disk.free_ratio",        FACT_NUMBER, UNIT_RATIO,   "Free space there, of the whole."                },
    { "host.disk.inodes_free_ratio", FACT_NUMBER, UNIT_RATIO,   "Free inodes there, of all."                     },
    { "host.clock.source",           FACT_TEXT,   UNIT_NONE,
     "What the kernel counts time with; hpet, acpi_pm and xen make every reading a slow one."                    },
    { "host.clock.synchronised",     FACT_TEXT,   UNIT_NONE,    "Whether the wall clock is kept right."          },
    { "host.inotify.instances",      FACT_NUMBER, UNIT_COUNT,
     "Instances of inotify a user may have; each container's shim takes some."                                   },
    { "host.inotify.watches",        FACT_NUMBER, UNIT_COUNT,   "Watches of inotify a user may have."            },
    { "host.conntrack.max",          FACT_NUMBER, UNIT_COUNT,   "Connections that can be tracked."               },
    { "host.keys.root_maxkeys",      FACT_NUMBER, UNIT_COUNT,
     "Keys that root may have; each container takes one."                                                        },
    { "host.pid_max",                FACT_NUMBER, UNIT_COUNT,   "The highest process id."                        },
    { "host.nofile",                 FACT_NUMBER, UNIT_COUNT,
     "Open files that a process may be allowed (fs.nr_open)."                                                    },
    { "host.ip_forward",             FACT_TEXT,   UNIT_NONE,    "Whether IPv4 packets are forwarded: 0 or 1."    },
    { "host.ports.listening",        FACT_LIST,   UNIT_NONE,
     "Orchestrators' ports that are in use: \"6443\" is TCP, \"4789/udp\" is UDP."                               },
    FACT_END,
};

static int host_measure(struct probe_run *run, struct err *e)
{
    const struct probe_site *site = run->site;
    struct facts *f = &run->result->facts;
    struct cpuid cpuid = cpuid_read();
    (void)e;
    system_state(site->proc_fd, site->sys_fd, &cpuid, f);
    unsigned kernel = system_state_kernel(site->proc_fd, f);
    cgroup_state(site->proc_fd, site->sys_fd, kernel, f);
    cpu_state(site->proc_fd, site->sys_fd, site->cpus, f);
    memory_state(site->proc_fd, f);
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
