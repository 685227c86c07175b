#include "probes/kit/virt.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/file.h"

struct virt_row {
    const char *sign;
    const char *name;
};

static const struct virt_row virt_vendors[] = {
    {"XenVMMXenVMM",  "xen"      },
    { "KVMKVMKVM",    "kvm"      },
    { "Linux KVM Hv", "kvm"      },
    { "TCGTCGTCGTCG", "qemu"     },
    { "VMwareVMware", "vmware"   },
    { "Microsoft Hv", "microsoft"},
    { "bhyve bhyve ", "bhyve"    },
    { "QNXQVMBSQG",   "qnx"      },
    { "ACRNACRNACRN", "acrn"     },
    { "SRESRESRESRE", "sre"      },
    { "Apple VZ",     "apple"    },
    { NULL,           NULL       },
};

/* What a DMI text begins with. */
static const struct virt_row virt_dmi_signs[] = {
    {"KVM",                    "kvm"      },
    { "OpenStack",             "kvm"      },
    { "KubeVirt",              "kvm"      },
    { "Amazon EC2",            "amazon"   },
    { "QEMU",                  "qemu"     },
    { "VMware",                "vmware"   },
    { "VMW",                   "vmware"   },
    { "innotek GmbH",          "oracle"   },
    { "VirtualBox",            "oracle"   },
    { "Oracle Corporation",    "oracle"   },
    { "Xen",                   "xen"      },
    { "Bochs",                 "bochs"    },
    { "Parallels",             "parallels"},
    { "BHYVE",                 "bhyve"    },
    { "Hyper-V",               "microsoft"},
    { "Apple Virtualization",  "apple"    },
    { "Google Compute Engine", "google"   },
    { NULL,                    NULL       },
};

static const char *const virt_dmi_files[] = {
    "class/dmi/id/product_name", "class/dmi/id/sys_vendor",      "class/dmi/id/board_vendor",
    "class/dmi/id/bios_vendor",  "class/dmi/id/product_version", NULL,
};

/* DMI names that are believed before anything else is asked. */
static const char *const virt_dmi_first[] = { "oracle", "xen",   "amazon", "parallels",
                                              "google", "metal", NULL };

struct virt_trees {
    int proc_fd, sys_fd;
    const struct cpuid *cpuid;
};

enum virt_answer {
    VIRT_SILENT,
    VIRT_ANSWERED
};

typedef enum virt_answer virt_asked(const struct virt_trees *t, struct virt *v);

static enum virt_answer virt_say(struct virt *v, const char *name, const char *why,
                                 const char *text)
{
    (void)snprintf(v->name, sizeof v->name, "%s", name);
    (void)snprintf(v->why, sizeof v->why, "%s%s", why, text);
    return VIRT_ANSWERED;
}

/* "" when the file is not there. */
static void virt_line(int dirfd, const char *path, char line[128])
{
    struct err ignored;
    if (file_line_at(dirfd, path, line, 128, &ignored))
        line[0] = '\0';
}

/* Bytes with NULs in them; empty when the file is not there. */
static void virt_bytes(int dirfd, const char *path, struct buf *out)
{
    struct err ignored;
    if (file_read_at(dirfd, path, out, &ignored))
        buf_clear(out);
}

static bool virt_exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, 0) == 0;
}

static const struct virt_row *virt_row_of(const struct virt_row *rows, const char *text)
{
    for (; rows->sign; rows++) {
        if (strncmp(text, rows->sign, strlen(rows->sign)) == 0)
            return rows;
    }
    return NULL;
}

/* The largest EC2 instances are whole machines, and say so in their product name. */
static bool virt_is_metal(int sys_fd)
{
    char product[128];
    virt_line(sys_fd, "class/dmi/id/product_name", product);
    size_t n = strlen(product);
    return n > 6 && strcmp(product + n - 6, ".metal") == 0;
}

/* SOURCE: SMBIOS 3, type 0: byte 19 (characteristics extension 2), bit 4: a virtual machine. */
static bool virt_smbios_says_so(int sys_fd)
{
    AUTO(buf) struct buf raw = { 0 };
    virt_bytes(sys_fd, "firmware/dmi/entries/0-0/raw", &raw);
    return raw.size > 19 && ((unsigned char)raw.data[19] & 0x10U);
}

/* The DMI name; "metal" for a whole machine of Amazon's. */
static enum virt_answer virt_ask_dmi(const struct virt_trees *t, struct virt *v)
{
    char line[128];
    for (unsigned i = 0; virt_dmi_files[i]; i++) {
        virt_line(t->sys_fd, virt_dmi_files[i], line);
        const struct virt_row *row = virt_row_of(virt_dmi_signs, line);
        if (row && strcmp(row->name, "amazon") == 0 && virt_is_metal(t->sys_fd))
            return virt_say(v, "metal", "DMI: a bare-metal instance of ", "Amazon EC2");
        if (row)
            return virt_say(v, row->name, "DMI: ", line);
    }
    if (virt_smbios_says_so(t->sys_fd))
        return virt_say(v, "vm-other", "SMBIOS says that this is a virtual machine", "");
    return VIRT_SILENT;
}

static enum virt_answer virt_ask_uml(const struct virt_trees *t, struct virt *v)
{
    AUTO(buf) struct buf text = { 0 };
    virt_bytes(t->proc_fd, "cpuinfo", &text);
    const char *vendor = strstr(buf_text(&text), "vendor_id");
    if (!vendor || strncmp(vendor + strcspn(vendor, ":\n"), ": User Mode Linux", 17) != 0)
        return VIRT_SILENT;
    return virt_say(v, "uml", "/proc/cpuinfo: ", "User Mode Linux");
}

/* Xen's domain 0 runs on the machine itself. */
static bool virt_is_dom0(const struct virt_trees *t)
{
    char line[128];
    virt_line(t->sys_fd, "hypervisor/properties/features", line);
    if (line[0])
        return (strtoull(line, NULL, 16) >> 11) & 1U; /* XENFEAT_dom0 */
    virt_line(t->proc_fd, "xen/capabilities", line);
    return strstr(line, "control_d") != NULL;
}

static enum virt_answer virt_ask_xen(const struct virt_trees *t, struct virt *v)
{
    char type[128];
    virt_line(t->sys_fd, "hypervisor/type", type);
    bool in_proc = virt_exists(t->proc_fd, "xen");
    if (!in_proc && strcmp(type, "xen") != 0)
        return VIRT_SILENT;
    if (virt_is_dom0(t))
        return virt_say(v, "none", "domain 0 of Xen: it runs on the machine itself", "");
    return virt_say(v, "xen", in_proc ? "/proc/xen" : "/sys/hypervisor/type: ", type);
}

static enum virt_answer virt_ask_cpuid(const struct virt_trees *t, struct virt *v)
{
    const struct virt_row *row = virt_row_of(virt_vendors, t->cpuid->vendor);
    if (!t->cpuid->hypervisor || !row || strcmp(row->name, "microsoft") == 0)
        return VIRT_SILENT;
    return virt_say(v, row->name, "CPUID: ", t->cpuid->vendor);
}

static enum virt_answer virt_ask_sys(const struct virt_trees *t, struct virt *v)
{
    char type[128];
    virt_line(t->sys_fd, "hypervisor/type", type);
    return type[0] ? virt_say(v, "vm-other", "/sys/hypervisor/type: ", type) : VIRT_SILENT;
}

/* Whether a file below /proc/device-tree has that word in its name. */
static bool virt_tree_has(int proc_fd, const char *word)
{
    int fd = openat(proc_fd, "device-tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    if (!dir) {
        auto_close_fd(&fd);
        return false;
    }
    for (struct dirent *d = readdir(dir); d && !found; d = readdir(dir)) // NOLINT(concurrency-*)
        found = strstr(d->d_name, word) != NULL;
    (void)closedir(dir);
    return found;
}

static enum virt_answer virt_ask_tree(const struct virt_trees *t, struct virt *v)
{
    AUTO(buf) struct buf compatible = { 0 };
    virt_bytes(t->proc_fd, "device-tree/hypervisor/compatible", &compatible);
    const char *is = buf_text(&compatible);
    if (strcmp(is, "linux,kvm") == 0)
        return virt_say(v, "kvm", "device tree: ", is);
    if (strstr(is, "xen") || strstr(is, "vmware"))
        return virt_say(v, strstr(is, "xen") ? "xen" : "vmware", "device tree: ", is);
    if (*is)
        return virt_say(v, "vm-other", "device tree: ", is);
    if (virt_exists(t->proc_fd, "device-tree/hmc-managed?") &&
        (virt_tree_has(t->proc_fd, "ibm,partition-name") ||
         virt_tree_has(t->proc_fd, "ibm,partition-uuid"))) {
        return virt_say(v, "powervm", "device tree: ", "an IBM partition");
    }
    if (virt_tree_has(t->proc_fd, "fw-cfg"))
        return virt_say(v, "qemu", "device tree: ", "fw-cfg");
    return VIRT_SILENT;
}

static enum virt_answer virt_ask_zvm(const struct virt_trees *t, struct virt *v)
{
    AUTO(buf) struct buf text = { 0 };
    virt_bytes(t->proc_fd, "sysinfo", &text);
    const char *control = strstr(buf_text(&text), "VM00 Control Program");
    if (!control)
        return VIRT_SILENT;
    control += strcspn(control, ":\n");
    control += strspn(control, ": ");
    return virt_say(v, strncmp(control, "z/VM", 4) == 0 ? "zvm" : "kvm",
                    "/proc/sysinfo: ", "VM00 Control Program");
}

static virt_asked *const virt_order[] = { virt_ask_uml, virt_ask_xen,  virt_ask_cpuid, virt_ask_dmi,
                                          virt_ask_sys, virt_ask_tree, virt_ask_zvm };

/* When nobody gave a name. */
static void virt_settle(const struct cpuid *c, struct virt *v)
{
    if (strcmp(c->vendor, "Microsoft Hv") == 0)
        (void)virt_say(v, "microsoft", "CPUID: ", c->vendor);
    else if (c->hypervisor)
        (void)virt_say(v, "vm-other", "CPUID: an unknown hypervisor ", c->vendor);
    else if (c->known)
        (void)virt_say(v, "none", "CPUID says that there is no hypervisor", "");
    else
        (void)virt_say(v, "none", "no sign of a hypervisor in DMI, device tree or /sys", "");
}

static bool virt_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

static void virt_name(const struct virt_trees *t, struct virt *v)
{
    if (virt_ask_dmi(t, v) && virt_listed(virt_dmi_first, v->name))
        return;
    for (size_t i = 0; i < sizeof virt_order / sizeof virt_order[0]; i++) {
        if (virt_order[i](t, v))
            return;
    }
    virt_settle(t->cpuid, v);
}

/* SOURCE: ACPI 6, 5.2.6: the OEM id is at bytes 10 to 15 of every table. */
static bool virt_is_firecracker(int sys_fd)
{
    static const char *const tables[] = { "FACP", "APIC", "DSDT", NULL };
    char path[64];
    for (unsigned i = 0; tables[i]; i++) {
        AUTO(buf) struct buf table = { 0 };
        (void)snprintf(path, sizeof path, "firmware/acpi/tables/%s", tables[i]);
        virt_bytes(sys_fd, path, &table);
        if (table.size >= 16 && memcmp(table.data + 10, "FIRECK", 6) == 0)
            return true;
    }
    return false;
}

static void virt_product(const struct virt_trees *t, struct virt *v)
{
    char vendor[128];
    char product[128];
    virt_line(t->sys_fd, "class/dmi/id/sys_vendor", vendor);
    virt_line(t->sys_fd, "class/dmi/id/product_name", product);
    if (!vendor[0] && !product[0])
        virt_line(t->proc_fd, "device-tree/model", product);
    bool repeats = strncmp(product, vendor, strlen(vendor)) == 0;
    (void)snprintf(v->product, sizeof v->product, "%s%s%s", repeats ? "" : vendor,
                   !repeats && product[0] ? " " : "", product);
    if (!v->product[0] && virt_is_firecracker(t->sys_fd))
        (void)snprintf(v->product, sizeof v->product, "Firecracker");
}

void virt_find(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct virt *v)
{
    struct virt_trees t = { .proc_fd = proc_fd, .sys_fd = sys_fd, .cpuid = cpuid };
    *v = (struct virt){ 0 };
    virt_name(&t, v);
    if (strcmp(v->name, "metal") == 0)
        (void)snprintf(v->name, sizeof v->name, "none");
    virt_product(&t, v);
}
