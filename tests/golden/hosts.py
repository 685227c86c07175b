"""The made-up hosts: what is measured, and three answers."""

US, MS, SECOND, HOUR, DAY = 10**3, 10**6, 10**9, 3600 * 10**9, 86400 * 10**9
MIB, GIB = 2**20, 2**30


def probe(name, title, parameters, started_ms, duration_ms, written_bytes=0):
    return {"probe": name, "title": title, "parameters": parameters,
            "started_ns": started_ms * MS, "duration_ns": duration_ms * MS,
            "written_bytes": written_bytes}


PROBES = [
    probe("host", "What this host is", {}, 30, 310),
    probe("host.try", "What the kernel lets us do", {}, 350, 420),
    probe("disk.wal", "Durable append latency", {"record": 2300, "segment": 64 * MIB}, 800, 8400,
          98 * MIB),
    probe("disk.read", "Random reads", {"engine": "auto", "file": 512 * MIB}, 9300, 9100, 512 * MIB),
    probe("disk.write", "Random writes", {"engine": "auto", "file": 512 * MIB}, 18500, 9000,
          1400 * MIB),
    probe("image.extract", "Unpacking image layers", {"bytes": 128 * MIB}, 27600, 10400, 540 * MIB),
    probe("image.wal", "Durable appends while layers are unpacked",
          {"bytes": 128 * MIB, "record": 2300}, 38100, 8200, 430 * MIB),
    probe("net.rtt", "Round trips to the peer", {"peer": ["192.0.2.7"], "interval": 10 * MS}, 46400,
          6000),
    probe("noise.stall", "Stalls and steal in a quiet window", {}, 52500, 6000),
    probe("disk.class", "Class of the disk by its behaviour", {}, 59100, 5),
]
WITNESS = probe("witness", "What the host did meanwhile", {}, 0, 0)


def metric(owner, metric_id, unit, better, show, blocks, kind="mean", seconds=1, event=None):
    return {"probe": owner, "id": metric_id, "unit": unit, "better": better, "kind": kind,
            "show": show, "blocks": blocks, "block_ns": seconds * SECOND, "event": event}


def hist(owner, metric_id, show, blocks, event, seconds=1):
    return metric(owner, metric_id, "ns", "lower", show, blocks, "histogram", seconds, event)


APPEND = "append and fdatasync %.0f ms"
METRICS = [
    hist("disk.wal", "disk.wal", "p50 p99 p99.9 max", 8, APPEND),
    hist("disk.wal", "disk.wal.sync", "", 8, None),
    metric("disk.wal", "disk.wal.rate", "1/s", "higher", "value", 8),
    hist("disk.read", "disk.read.qd1", "p50 p99", 4, "read %.0f ms"),
    metric("disk.read", "disk.read.qd1.iops", "1/s", "higher", "value", 4),
    hist("disk.read", "disk.read.qd32", "p50 p99", 4, "read %.0f ms"),
    metric("disk.read", "disk.read.qd32.iops", "1/s", "higher", "value", 4),
    hist("disk.write", "disk.write.qd1", "p50 p99", 4, "write %.0f ms"),
    metric("disk.write", "disk.write.qd1.iops", "1/s", "higher", "value", 4),
    hist("disk.write", "disk.write.qd32", "p50 p99", 4, "write %.0f ms"),
    metric("disk.write", "disk.write.qd32.iops", "1/s", "higher", "value", 4),
    metric("image.extract", "image.rate", "bytes/s", "higher", "value", 5, seconds=2),
    metric("image.extract", "image.files", "1/s", "higher", "value", 5, seconds=2),
    metric("image.extract", "image.seconds", "ns", "lower", "", 5, seconds=2),
    metric("image.extract", "image.sync", "ns", "lower", "value", 5, seconds=2),
    metric("image.extract", "image.inflate", "ns", "lower", "", 5, seconds=2),
    metric("image.extract", "image.reference", "ns", "lower", "value", 5, seconds=2),
    hist("image.wal", "image.wal", "p50 p99 max", 8, APPEND),
    metric("image.wal", "image.wal.rate", "1/s", "higher", "value", 8),
    hist("net.rtt", "net.rtt", "p50 p99 max", 6, "round trip %.0f ms"),
    hist("net.rtt", "net.ipdv", "p99", 6, None),
    metric("net.rtt", "net.loss", "ratio", "lower", "value", 6),
    metric("net.rtt", "net.gap", "ns", "lower", "value", 6, "maximum"),
    metric("net.rtt", "net.offset", "ns", "lower", "", 6),
    hist("noise.stall", "noise.stall", "p50 p99 max", 6, "stall of %.0f ms"),
    metric("noise.stall", "noise.steal", "ratio", "lower", "value", 6),
    metric("noise.stall", "noise.steal.cpu", "ratio", "lower", "", 6, "maximum"),
    hist("witness", "witness.stall", "p50 p99 max", 10, "stall of %.0f ms", seconds=5),
    metric("witness", "witness.steal", "ratio", "lower", "value", 10, seconds=5),
]

# Histograms: samples a second, and the shape they are drawn from: log-normal (middle, spread), with a
# share of them in a tail (share, middle, spread). Others: the value and its spread.
GOOD_FIGURES = {
    "disk.wal": (5530, (114 * US, 0.31, 0.0006, 1.6 * MS, 0.6)),
    "disk.wal.sync": (5530, (104 * US, 0.31, 0.0006, 1.6 * MS, 0.6)),
    "disk.wal.rate": (5530, 0.03),
    "disk.read.qd1": (14700, (48 * US, 0.32, 0.0015, 0.5 * MS, 0.9)),
    "disk.read.qd1.iops": (14700, 0.04),
    "disk.read.qd32": (64000, (449 * US, 0.30, 0.002, 5 * MS, 0.4)),
    "disk.read.qd32.iops": (64000, 0.04),
    "disk.write.qd1": (13900, (47 * US, 0.42, 0.0015, 0.8 * MS, 0.7)),
    "disk.write.qd1.iops": (13900, 0.04),
    "disk.write.qd32": (92000, (317 * US, 0.32, 0.002, 3.6 * MS, 0.5)),
    "disk.write.qd32.iops": (92000, 0.04),
    "image.rate": (76.4e6, 0.06),
    "image.files": (2850, 0.06),
    "image.seconds": (1.68 * SECOND, 0.06),
    "image.sync": (0.31 * SECOND, 0.1),
    "image.inflate": (0.72 * SECOND, 0.02),
    "image.reference": (7.6 * SECOND, 0.06),
    "image.wal": (2480, (190 * US, 0.55, 0.004, 4 * MS, 0.7)),
    "image.wal.rate": (2480, 0.08),
    "net.rtt": (100, (214 * US, 0.22, 0.004, 0.9 * MS, 0.5)),
    "net.ipdv": (99, (31 * US, 0.8, 0, 1, 0)),
    "net.loss": (0, 0),
    "net.gap": (19.8 * MS, 0.1),
    "net.offset": (412 * US, 0.05),
    "noise.stall": (4000, (57 * US, 0.2, 0.0008, 0.7 * MS, 0.8)),
    "noise.steal": (0.0011, 0.2),
    "noise.steal.cpu": (0.004, 0.2),
    "witness.stall": (4000, (58 * US, 0.25, 0.003, 0.8 * MS, 0.8)),
    "witness.steal": (0.0016, 0.3),
}
SLOW_FIGURES = {
    "disk.wal": (310, (2.6 * MS, 0.45, 0.012, 60 * MS, 0.8)),
    "disk.wal.sync": (310, (2.5 * MS, 0.45, 0.012, 60 * MS, 0.8)),
    "disk.wal.rate": (310, 0.12),
    "disk.read.qd1": (1900, (470 * US, 0.30, 0.01, 9 * MS, 0.7)),
    "disk.read.qd1.iops": (1900, 0.08),
    "disk.read.qd32": (2500, (12.6 * MS, 0.12, 0.01, 60 * MS, 0.5)),
    "disk.read.qd32.iops": (2500, 0.03),
    "disk.write.qd1": (1210, (760 * US, 0.35, 0.01, 14 * MS, 0.8)),
    "disk.write.qd1.iops": (1210, 0.08),
    "disk.write.qd32": (2500, (12.7 * MS, 0.13, 0.012, 80 * MS, 0.6)),
    "disk.write.qd32.iops": (2500, 0.03),
    "image.rate": (9.1e6, 0.12),
    "image.files": (340, 0.12),
    "image.seconds": (14.1 * SECOND, 0.12),
    "image.sync": (3.4 * SECOND, 0.2),
    "image.inflate": (1.6 * SECOND, 0.08),
    "image.reference": (64 * SECOND, 0.12),
    "image.wal": (74, (9.2 * MS, 0.60, 0.03, 240 * MS, 0.8)),
    "image.wal.rate": (74, 0.2),
    "net.rtt": (100, (1.9 * MS, 0.35, 0.02, 21 * MS, 0.7)),
    "net.ipdv": (97, (420 * US, 1.1, 0, 1, 0)),
    "net.loss": (0.014, 0.3),
    "net.gap": (412 * MS, 0.25),
    "net.offset": (468 * MS, 0.02),
    "noise.stall": (2000, (92 * US, 0.5, 0.011, 9 * MS, 0.9)),
    "noise.steal": (0.124, 0.2),
    "noise.steal.cpu": (0.31, 0.1),
    "witness.stall": (2000, (95 * US, 0.5, 0.014, 9 * MS, 1.0)),
    "witness.steal": (0.139, 0.2),
}
STOPPED_FIGURES = {
    "disk.wal": (1480, (560 * US, 0.30, 0.004, 6 * MS, 0.7)),
    "disk.wal.sync": (1480, (540 * US, 0.30, 0.004, 6 * MS, 0.7)),
    "disk.wal.rate": (1480, 0.05),
    "disk.read.qd1": (310000, (2.6 * US, 0.2, 0.001, 40 * US, 0.6)),
    "disk.read.qd1.iops": (310000, 0.05),
    "disk.read.qd32": (98000, (290 * US, 0.2, 0.001, 2 * MS, 0.6)),
    "disk.read.qd32.iops": (98000, 0.05),
    "image.rate": (41e6, 0.06),
    "image.files": (1520, 0.06),
    "image.seconds": (3.1 * SECOND, 0.06),
    "image.sync": (0.8 * SECOND, 0.1),
    "image.inflate": (0.9 * SECOND, 0.02),
    "image.reference": (13.8 * SECOND, 0.06),
    "witness.stall": (2000, (63 * US, 0.3, 0.004, 1.2 * MS, 0.8)),
    "witness.steal": (0.011, 0.3),
}

OPTIONS = """NAMESPACES UTS_NS IPC_NS PID_NS NET_NS USER_NS CGROUPS CGROUP_SCHED CGROUP_CPUACCT
CGROUP_FREEZER CGROUP_PIDS CGROUP_DEVICE CGROUP_BPF CGROUP_HUGETLB CGROUP_PERF CPUSETS MEMCG BLK_CGROUP
FAIR_GROUP_SCHED CFS_BANDWIDTH KEYS INET PROC_FS VETH BRIDGE BRIDGE_NETFILTER VXLAN IPVLAN MACVLAN DUMMY
OVERLAY_FS EXT4_FS XFS_FS BTRFS_FS POSIX_MQUEUE SECCOMP SECCOMP_FILTER IP_VS IP_VS_RR IP_VS_PROTO_TCP IP_VS_PROTO_UDP
IP_VS_NFCT IP_NF_FILTER IP_NF_MANGLE IP_NF_RAW IP_NF_NAT IP_NF_TARGET_MASQUERADE
IP_NF_TARGET_REDIRECT
IP6_NF_FILTER IP6_NF_NAT NF_CONNTRACK NF_NAT NF_TABLES NFT_COMPAT NETFILTER_XT_MATCH_ADDRTYPE
NETFILTER_XT_MATCH_COMMENT NETFILTER_XT_MATCH_CONNTRACK NETFILTER_XT_MATCH_IPVS
NETFILTER_XT_MATCH_MULTIPORT NETFILTER_XT_MATCH_STATISTIC NETFILTER_XT_MARK NETFILTER_XT_SET
NETFILTER_XT_TARGET_REDIRECT NETFILTER_XT_TARGET_MASQUERADE NETFILTER_XT_NAT IP_SET CRYPTO XFRM
XFRM_USER XFRM_ALGO INET_ESP PSI""".split()
CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc".split()
NAMESPACES = "mnt pid net ipc uts user cgroup".split()
TRIED = ["overlay", "veth", "nft", "iptables", "cgroup", "mknod", "conntrack"]


def fact(value, unit=None, reason=None):
    return {"value": value, "unit": unit, "reason": reason}


def count(value):
    return fact(value, "count")


def size(value):
    return fact(value, "bytes")


def tried(refused):
    facts = {"host.try.namespaces": fact(NAMESPACES)}
    for name in TRIED:
        facts["host.try." + name] = fact("no", reason=refused[name]) if name in refused else fact("yes")
    return facts | {"host.try.xattrs": fact(["user", "trusted", "security"])}


def not_tried(reason):
    names = ["namespaces"] + TRIED + ["xattrs"]
    return {"host.try." + name: fact(None, reason=reason) for name in names}


def facts(system, kernel, machine, disk, network, tries):
    os, hostname = system
    release, version, options = kernel
    cpus, model, memory, swap, uptime, controllers = machine
    fs, journal, device, driver, rotational, scheduler, cache, total, free = disk
    synchronised, instances, conntrack, forward, ports = network
    if options:
        options = fact(options, reason="/boot/config-" + release)
    else:
        options = fact(None, reason=f"neither /proc/config.gz nor /boot/config-{release} can be read")
    return {
        "host.os": fact(os), "host.hostname": fact(hostname),
        "host.virtualization": fact("kvm", reason="CPUID"), "host.container": fact("none"),
        "host.userns": fact("no"), "host.kernel.release": fact(release),
        "host.kernel.version": fact(version, "version"), "host.kernel.options": options,
        "host.cgroup.version": fact("2"), "host.cgroup.controllers": fact(controllers),
        "host.cpus": count(cpus), "host.cpu.model": fact(model), "host.memory": size(memory),
        "host.swap": size(swap), "host.uptime": fact(uptime, "ns"), "host.disk.fs": fact(fs),
        "host.disk.journal": fact(journal), "host.disk.device": fact(device),
        "host.disk.driver": fact(driver), "host.disk.rotational": fact(rotational),
        "host.disk.scheduler": fact(scheduler), "host.disk.write_cache": fact(cache),
        "host.disk.size": size(total), "host.disk.free": size(free),
        "host.disk.free_ratio": fact(free / total, "ratio"),
        "host.disk.inodes_free_ratio": fact(0.94, "ratio"),
        "host.clock.source": fact("kvm-clock"), "host.clock.synchronised": fact(synchronised),
        "host.inotify.instances": count(instances), "host.inotify.watches": count(memory // 65536),
        "host.conntrack.max": count(conntrack), "host.keys.root_maxkeys": count(1000000),
        "host.pid_max": count(4194304), "host.nofile": count(1048576),
        "host.ip_forward": fact(forward), "host.ports.listening": fact(ports)} | tries


def between(mtu, hole, blocked):
    """What net.mtu and net.ports state."""
    return {"net.mtu.interface": count(1500), "net.mtu.blackhole": fact(hole),
            "net.mtu.whole": fact("yes" if mtu == 1500 else "no"),
            "net.mtu.vxlan": count(mtu - 50), "net.ports.blocked": fact(blocked)}


def disk_class(name, why, cap=None):
    none = "no limiter was found"
    return {"disk.class": fact(name, reason=why),
            "disk.class.cap": fact(cap, "1/s") if cap else fact(None, reason=none),
            "disk.class.plan": fact(None, reason="the rate fits no published rule" if cap else none)}


def witnessed(steal, worst, cpu, io, memory, throttled, step, stall):
    return {"steal_ratio": steal, "steal_worst_cpu_ratio": worst, "cpu_pressure_ratio": cpu,
            "io_pressure_ratio": io, "memory_pressure_ratio": memory, "throttled_ratio": throttled,
            "clock_step_ns": step, "stall_max_ns": stall}


CLOSED = ("Closed loop: the next append begins when the last one is durable, as a log writer works; "
          "0.3 s of warm-up are left out.")
URING = "Engine io_uring: it works here and costs least."
AIO = "Engine libaio: io_uring is disabled here (kernel.io_uring_disabled is 2)."
SCALED = "image.reference is scaled: a 500-MiB image at this rate, its final sync included."
PEER = "Peer 192.0.2.7:862, unauthenticated STAMP."
NVME = "Behaves like nvme, because 4 KiB reads at depth 1 take 48.1 us at the median."
LIMITED = "Advertised as hdd, held by a rate limiter at 2500/s (4 KiB reads)."
WHOSE = ("A limiter of the provider's, not the disk, decides: one busy container takes the whole "
         "allowance, and all others wait for it.")
STOLEN = "13 % of the CPU time was stolen meanwhile: the figures include it."

HOSTS = [
    {"name": "good", "started": "2026-03-02T09:14:07Z", "argv": "plimsoll vet --peer 192.0.2.7",
     "seed": 20260302, "duration_ns": 59412345678, "uptime_ns": 345678901234567,
     "interrupted": False,
     "labels": {"provider": "Example Cloud", "plan": "4 vCPU, 8 GiB", "region": "fsn1",
                "price": "7.99 EUR/month"},
     "facts": facts(("Debian GNU/Linux 12 (bookworm)", "node-a"),
                    ("6.1.0-28-cloud-amd64", 6001, OPTIONS),
                    (4, "AMD EPYC-Rome Processor", 8 * GIB - 160 * MIB, 0, 12 * DAY, CONTROLLERS),
                    ("ext4", "ordered", "vda", "virtio_blk", "no", "none", "write back", 160 * GIB,
                     141 * GIB),
                    ("yes", 8192, 262144, "1", []), tried({})) | disk_class("nvme", NVME)
     | between(1500, "no", []),
     "figures": GOOD_FIGURES,
     "remarks": [("disk.wal", "measured", CLOSED),
                 ("disk.wal", "measured", "Filesystem ext4 on vda (virtio_blk), journal: ordered."),
                 ("disk.read", "measured", URING), ("disk.write", "measured", URING),
                 ("image.extract", "measured", SCALED), ("net.rtt", "measured", PEER),
                 ("disk.class", "measured", NVME)],
     "witnessed": witnessed(0.0016, 0.006, 0.012, 0.031, 0, 0, 210000, 2.1 * MS)},
    {"name": "slow", "started": "2026-03-02T09:31:44Z", "argv": "plimsoll vet --peer 192.0.2.7",
     "seed": 20260303, "duration_ns": 61870000321, "uptime_ns": 86401234567,
     "interrupted": False,
     "labels": {"provider": "Bargain & Sons <VPS>", "plan": "2 vCPU, 2 GiB", "region": "north-2"},
     "facts": facts(("Ubuntu 24.04.1 LTS", "cheap-1"), ("6.8.0-45-generic", 6008, OPTIONS),
                    (2, "Intel Xeon E5-2630 v4 @ 2.20GHz", 2 * GIB - 90 * MIB, GIB, 5 * HOUR,
                     CONTROLLERS),
                    ("ext4", "ordered", "sda", "virtio_scsi", "yes", "mq-deadline", "write through",
                     40 * GIB, 9 * GIB),
                    ("no", 128, 65536, "1", ["2377", "7946"]),
                    tried({"conntrack": "nf_conntrack_max is read only: Permission denied"}))
     | disk_class("rate-limited", LIMITED, 2500)
     | between(1400, "yes", ["7946/udp", "4789/udp"]),
     "figures": SLOW_FIGURES,
     "remarks": [("disk.wal", "measured", CLOSED),
                 ("disk.wal", "measured", "Filesystem ext4 on sda (virtio_scsi), journal: ordered."),
                 ("disk.read", "measured", AIO), ("disk.write", "measured", AIO),
                 ("image.extract", "measured", SCALED), ("net.rtt", "measured", PEER),
                 ("disk.class", "measured", LIMITED), ("disk.class", "measured", WHOSE)]
     + [(name, "measured", STOLEN) for name in ("disk.wal", "disk.read", "disk.write",
                                                "image.extract", "image.wal", "noise.stall")],
     "witnessed": witnessed(0.131, 0.34, 0.22, 0.41, 0.004, None, 1.4 * MS, 190 * MS)},
    {"name": "stopped", "started": "2026-03-02T10:02:59Z", "argv": "plimsoll vet",
     "seed": 20260304, "duration_ns": 33250777000, "interrupted": True, "labels": {},
     "facts": facts(("AlmaLinux 9.4 (Seafoam Ocelot)", "alma"),
                    ("5.14.0-427.13.1.el9_4.x86_64", 5014, None),
                    (2, "AMD EPYC 7543 32-Core Processor", 4 * GIB - 120 * MIB, 0, 40 * DAY,
                     ["cpu", "memory", "pids"]),
                    ("xfs", "yes", "vda", "virtio_blk", "no", "mq-deadline", "write back", 80 * GIB,
                     52 * GIB),
                    ("yes", 8192, 131072, "0", []), not_tried("needs root: run it with sudo")),
     "figures": STOPPED_FIGURES,
     "remarks": [("host.try", "skipped", "needs root: run it with sudo"),
                 ("disk.wal", "measured", CLOSED),
                 ("disk.wal", "measured", "Filesystem xfs on vda (virtio_blk), journal: yes."),
                 ("disk.read", "measured", URING),
                 ("disk.read", "untrusted", "reads were answered from memory, not from the medium: a "
                  "median of 2.6 us is shorter than any disk's"),
                 ("disk.write", "failed", "did not answer for 38 s, in a slot of 8 s, and was ended"),
                 ("image.extract", "measured", "Interrupted before its time was over."),
                 ("image.wal", "failed", "interrupted before it had a figure"),
                 ("net.rtt", "skipped", "not measured: no --peer; start plimsoll reflect on another "
                  "node and name it with --peer"),
                 ("noise.stall", "skipped", "interrupted before its turn"),
                 ("disk.class", "skipped", "interrupted before its turn")],
     "witnessed": witnessed(0.011, 0.02, None, None, None, None, 90000, 4.2 * MS)},
]
