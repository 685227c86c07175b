#include "probes/host/kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

/* Sorted, for bsearch; a unit test keeps it so. */
static const char *const kernel_asked[] = {
    "AUFS_FS",
    "BLK_CGROUP",
    "BLK_DEV_DM",
    "BLK_DEV_THROTTLING",
    "BRIDGE",
    "BRIDGE_NETFILTER",
    "BRIDGE_VLAN_FILTERING",
    "BTRFS_FS",
    "BTRFS_FS_POSIX_ACL",
    "CFQ_GROUP_IOSCHED",
    "CFS_BANDWIDTH",
    "CGROUPS",
    "CGROUP_BPF",
    "CGROUP_CPUACCT",
    "CGROUP_DEVICE",
    "CGROUP_FREEZER",
    "CGROUP_HUGETLB",
    "CGROUP_NET_PRIO",
    "CGROUP_PERF",
    "CGROUP_PIDS",
    "CGROUP_SCHED",
    "CPUSETS",
    "CRYPTO",
    "CRYPTO_AEAD",
    "CRYPTO_GCM",
    "CRYPTO_GHASH",
    "CRYPTO_SEQIV",
    "DEVPTS_MULTIPLE_INSTANCES",
    "DUMMY",
    "EXT3_FS",
    "EXT3_FS_POSIX_ACL",
    "EXT3_FS_SECURITY",
    "EXT3_FS_XATTR",
    "EXT4_FS",
    "EXT4_FS_POSIX_ACL",
    "EXT4_FS_SECURITY",
    "FAIR_GROUP_SCHED",
    "INET",
    "INET_ESP",
    "INET_XFRM_MODE_TRANSPORT",
    "IOSCHED_CFQ",
    "IP6_NF_FILTER",
    "IP6_NF_MANGLE",
    "IP6_NF_NAT",
    "IP6_NF_RAW",
    "IP6_NF_TARGET_MASQUERADE",
    "IPC_NS",
    "IPV6",
    "IPVLAN",
    "IP_NF_FILTER",
    "IP_NF_MANGLE",
    "IP_NF_NAT",
    "IP_NF_RAW",
    "IP_NF_TARGET_MASQUERADE",
    "IP_NF_TARGET_REDIRECT",
    "IP_NF_TARGET_REJECT",
    "IP_SCTP",
    "IP_SET",
    "IP_SET_HASH_IP",
    "IP_SET_HASH_NET",
    "IP_VS",
    "IP_VS_NFCT",
    "IP_VS_PROTO_TCP",
    "IP_VS_PROTO_UDP",
    "IP_VS_RR",
    "KEYS",
    "LEGACY_VSYSCALL_EMULATE",
    "LEGACY_VSYSCALL_NATIVE",
    "LEGACY_VSYSCALL_NONE",
    "MACVLAN",
    "MEMCG",
    "MEMCG_KMEM",
    "MEMCG_SWAP",
    "MEMCG_SWAP_ENABLED",
    "NAMESPACES",
    "NETFILTER_XT_MARK",
    "NETFILTER_XT_MATCH_ADDRTYPE",
    "NETFILTER_XT_MATCH_BPF",
    "NETFILTER_XT_MATCH_COMMENT",
    "NETFILTER_XT_MATCH_CONNTRACK",
    "NETFILTER_XT_MATCH_IPVS",
    "NETFILTER_XT_MATCH_MULTIPORT",
    "NETFILTER_XT_MATCH_STATISTIC",
    "NETFILTER_XT_TARGET_REDIRECT",
    "NETPRIO_CGROUP",
    "NET_CLS_CGROUP",
    "NET_NS",
    "NFT_CT",
    "NFT_FIB",
    "NFT_FIB_IPV4",
    "NFT_FIB_IPV6",
    "NFT_MASQ",
    "NFT_NAT",
    "NF_CONNTRACK",
    "NF_CONNTRACK_FTP",
    "NF_CONNTRACK_TFTP",
    "NF_NAT",
    "NF_NAT_FTP",
    "NF_NAT_IPV4",
    "NF_NAT_NEEDED",
    "NF_NAT_TFTP",
    "NF_TABLES",
    "OVERLAYFS_FS",
    "OVERLAY_FS",
    "PID_NS",
    "POSIX_MQUEUE",
    "PROC_FS",
    "PSI",
    "PSI_DEFAULT_DISABLED",
    "RESOURCE_COUNTERS",
    "RT_GROUP_SCHED",
    "SECCOMP",
    "SECCOMP_FILTER",
    "SECURITY_APPARMOR",
    "SECURITY_SELINUX",
    "USER_NS",
    "UTS_NS",
    "VETH",
    "VXLAN",
    "WIREGUARD",
    "XFRM",
    "XFRM_ALGO",
    "XFRM_USER",
    "XFS_FS",
    "XFS_POSIX_ACL",
};

/* Below self/root; %s is the release. */
static const char *const kernel_paths[] = {
    "boot/config-%s",
    "usr/src/linux-%s/.config",
    "usr/src/linux/.config",
    "usr/lib/modules/%s/config",
    "usr/lib/ostree-boot/config-%s",
    "usr/lib/kernel/config-%s",
    "usr/src/linux-headers-%s/.config",
    "lib/modules/%s/build/.config",
};

enum {
    KERNEL_ASKED = sizeof kernel_asked / sizeof kernel_asked[0],
    KERNEL_PATHS = sizeof kernel_paths / sizeof kernel_paths[0],
    KERNEL_OPTION_BYTES = 64, /* the longest name in Linux 6.12 has 47 */
    KERNEL_VERSION_PART = 999,
};

unsigned kernel_version(const char *release)
{
    char *end = NULL;
    unsigned long major = strtoul(release, &end, 10);
    if (end == release || *end != '.' || major > KERNEL_VERSION_PART)
        return 0;
    const char *rest = end + 1;
    unsigned long minor = strtoul(rest, &end, 10);
    return end == rest || minor > KERNEL_VERSION_PART ? 0 : (unsigned)(major * 1000 + minor);
}

int kernel_release(int proc_fd, char release[KERNEL_RELEASE_BYTES], struct err *e)
{
    return file_line_at(proc_fd, "sys/kernel/osrelease", release, KERNEL_RELEASE_BYTES, e);
}

static int kernel_inflate(z_stream *z, struct buf *out, struct err *e)
{
    size_t cap = out->cap ? out->cap : KERNEL_CONFIG_BYTES;
    char chunk[16384];
    int state = Z_OK;
    while (state == Z_OK) {
        z->next_out = (unsigned char *)chunk;
        z->avail_out = sizeof chunk;
        state = inflate(z, Z_NO_FLUSH);
        size_t made = sizeof chunk - z->avail_out;
        if (out->size + made > cap)
            return err_set(e, ERR_DATA, 0, "inflates to more than %zu bytes", cap);
        buf_add(out, chunk, made);
    }
    if (state != Z_STREAM_END)
        return err_set(e, ERR_DATA, 0, "is no whole gzip file (%s)",
                       z->msg ? z->msg : "it ends too early");
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to inflate it") : 0;
}

int kernel_gunzip(const void *bytes, size_t size, struct buf *out, struct err *e)
{
    enum {
        GZIP_WINDOW_BITS = 15 + 16 /* SOURCE: zlib.h, inflateInit2: 16 more asks for gzip */
    };

    union {
        const void *from;
        unsigned char *to;
    } in = { .from = bytes }; /* zlib declares its input writable, and does not write */

    z_stream z = { .next_in = in.to, .avail_in = (unsigned)size };
    buf_clear(out);
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to inflate it");
    int failed = kernel_inflate(&z, out, e);
    (void)inflateEnd(&z);
    return failed;
}

static int kernel_config_of_proc(int proc_fd, struct buf *text, struct err *e)
{
    AUTO(buf) struct buf packed = { 0 };
    if (file_read_at(proc_fd, "config.gz", &packed, e))
        return -1;
    return kernel_gunzip(buf_text(&packed), packed.size, text, e) ? err_wrap(e, "/proc/config.gz")
                                                                  : 0;
}

/* A pattern of kernel_paths with the release put in. */
static void kernel_path(char path[256], unsigned i, const char *release)
{
    const char *mark = strstr(kernel_paths[i], "%s");
    int before = mark ? (int)(mark - kernel_paths[i]) : (int)strlen(kernel_paths[i]);
    (void)snprintf(path, 256, "self/root/%.*s%s%s", before, kernel_paths[i], mark ? release : "",
                   mark ? mark + 2 : "");
}

int kernel_config(int proc_fd, const char *release, struct buf *text, char where[256],
                  struct err *e)
{
    text->cap = KERNEL_CONFIG_BYTES;
    (void)snprintf(where, 256, "/proc/config.gz");
    if (!kernel_config_of_proc(proc_fd, text, e))
        return 0;
    if (e->kind == ERR_DATA || e->kind == ERR_NO_RESOURCE)
        return -1;
    for (unsigned i = 0; i < KERNEL_PATHS; i++) {
        char path[256];
        kernel_path(path, i, release);
        if (!file_read_at(proc_fd, path, text, e)) {
            (void)snprintf(where, 256, "%s", path + strlen("self/root"));
            return 0;
        }
    }
    return err_set(e, ERR_UNSUPPORTED, 0,
                   "no kernel config in /proc/config.gz, /boot/config-%s or six other places; try "
                   "'modprobe configs', and go by what host.try found",
                   release);
}

static int kernel_compare(const void *name, const void *row)
{
    return strcmp(name, *(const char *const *)row);
}

/* The row of an option that is set in this line, or -1. */
static int kernel_row_of_line(const char *line, size_t size)
{
    static const char prefix[] = "CONFIG_";
    char name[KERNEL_OPTION_BYTES];
    const char *equals = memchr(line, '=', size);
    if (size < sizeof prefix || strncmp(line, prefix, sizeof prefix - 1) != 0 || !equals)
        return -1;
    size_t n = (size_t)(equals - line) - (sizeof prefix - 1);
    bool set = line + size - equals == 2 && (equals[1] == 'y' || equals[1] == 'm');
    if (!set || n == 0 || n >= sizeof name)
        return -1;
    memcpy(name, line + sizeof prefix - 1, n);
    name[n] = '\0';
    const char *const *row =
        bsearch(name, kernel_asked, KERNEL_ASKED, sizeof kernel_asked[0], kernel_compare);
    return row ? (int)(row - kernel_asked) : -1;
}

int kernel_options(const char *text, struct buf *words, struct err *e)
{
    bool set[KERNEL_ASKED] = { false };
    if (!strstr(text, "CONFIG_"))
        return err_set(e, ERR_DATA, 0, "holds no CONFIG_ line: it is no kernel config");
    while (*text) {
        size_t n = strcspn(text, "\n");
        size_t whole = n;
        while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == ' '))
            n--;
        int row = kernel_row_of_line(text, n);
        if (row >= 0)
            set[row] = true;
        text += whole + (text[whole] != '\0');
    }
    const char *blank = words->size ? " " : "";
    for (unsigned i = 0; i < KERNEL_ASKED; i++) {
        if (set[i]) {
            buf_addf(words, "%s%s", blank, kernel_asked[i]);
            blank = " ";
        }
    }
    return words->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory for the kernel options") : 0;
}
