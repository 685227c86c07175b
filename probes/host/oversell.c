#include "probes/host/oversell.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/host/cpu.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/counter.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

enum {
    OVERSELL_FLAGS_BYTES = 8192, /* x86 has some 2 kB of them */
    OVERSELL_COUNTER_MS = 20
};

#define OVERSELL_CLOCK_RATIO 0.05 /* that the frequency in /proc may be off the counter's */

struct oversell_model {
    const char *begins;
    bool whole; /* nothing may follow but " @" and a frequency */
    const char *disclosed;
    const char *why;
};

static const char oversell_generic[] = "a stand-in of the hypervisor, for any processor";
static const char oversell_renamed[] = "a name that the provider gave it";
static const char oversell_family[] = "a family of many processors; its number was taken away";
static const char oversell_known[] = "a model of QEMU: the generation may be so, the number is not";

static const struct oversell_model oversell_models[] = {
    {"QEMU ",                        false, "no",         oversell_generic},
    { "Common KVM processor",        false, "no",         oversell_generic},
    { "Common 32-bit KVM processor", false, "no",         oversell_generic},
    { "Virtual CPU",                 false, "no",         oversell_generic},
    { "DO-Regular",                  false, "no",         oversell_renamed},
    { "DO-Premium",                  false, "no",         oversell_renamed},
    { "AMD EPYC",                    true,  "no",         oversell_family },
    { "Intel(R) Xeon(R) Processor",  true,  "no",         oversell_family },
    { "Intel(R) Xeon(R) CPU",        true,  "no",         oversell_family },
    { "AMD EPYC Processor",          false, "generation", oversell_known  },
    { "AMD EPYC-",                   false, "generation", oversell_known  },
    { "Intel Xeon Processor (",      false, "generation", oversell_known  },
    { "Intel Core Processor (",      false, "generation", oversell_known  },
    { "Intel Xeon E312xx (",         false, "generation", oversell_known  },
    { "Intel Core i7 9xx (",         false, "generation", oversell_known  },
    { "Westmere E56xx/L56xx/X56xx",  false, "generation", oversell_known  },
};

const char *oversell_disclosed(const char *model, const char **why)
{
    for (size_t i = 0; i < sizeof oversell_models / sizeof oversell_models[0]; i++) {
        const struct oversell_model *m = &oversell_models[i];
        size_t n = strlen(m->begins);
        if (strncmp(model, m->begins, n) != 0)
            continue;
        const char *rest = model + n;
        if (m->whole && *rest && strncmp(rest, " @", 2) != 0)
            continue;
        *why = m->why;
        return m->disclosed;
    }
    *why = NULL;
    return "yes";
}

/* The number behind "name " in a text of lines; -1 when there is none. */
static int oversell_number(const char *text, const char *name, uint64_t *value)
{
    size_t n = strlen(name);
    while (*text) {
        if (strncmp(text, name, n) == 0 && text[n] == ' ' && text[n + 1] >= '0' &&
            text[n + 1] <= '9') {
            *value = strtoull(text + n + 1, NULL, 10);
            return 0;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return -1;
}

int oversell_parse_balloon(const char *vmstat, uint64_t *pages)
{
    uint64_t in = 0;
    uint64_t out = 0;
    if (oversell_number(vmstat, "nr_balloon_pages", pages) == 0)
        return 0;
    if (oversell_number(vmstat, "balloon_inflate", &in) ||
        oversell_number(vmstat, "balloon_deflate", &out))
        return -1;
    *pages = in > out ? in - out : 0;
    return 0;
}

int oversell_has_flag(const char *cpuinfo, const char *flag, bool *has)
{
    char flags[OVERSELL_FLAGS_BYTES];
    char *save = NULL;
    *has = false;
    if (cpu_parse_line(cpuinfo, "flags", flags, sizeof flags))
        return -1;
    for (char *w = strtok_r(flags, " ", &save); w; w = strtok_r(NULL, " ", &save))
        *has = *has || strcmp(w, flag) == 0;
    return 0;
}

double oversell_counter_rate(void)
{
    if (!counter_steady())
        return 0;
    uint64_t began_ns = clk_now_ns();
    uint64_t first = counter_read();
    while (clk_now_ns() < began_ns + OVERSELL_COUNTER_MS * (uint64_t)CLK_NS_PER_MS)
        (void)clk_sleep_until(began_ns + OVERSELL_COUNTER_MS * (uint64_t)CLK_NS_PER_MS);
    uint64_t last = counter_read();
    uint64_t length_ns = clk_now_ns() - began_ns;
    return last > first ? (double)(last - first) * CLK_NS_PER_S / (double)length_ns : 0;
}

struct oversell_balloon {
    const char *name;
    const char *path;
    bool by_device; /* a driver that is there without a device takes nothing */
};

static const struct oversell_balloon oversell_balloons[] = {
    {"virtio_balloon", "bus/virtio/drivers/virtio_balloon",     true },
    { "hv_balloon",    "bus/vmbus/drivers/hv_balloon",          true },
    { "vmw_balloon",   "module/vmw_balloon",                    false},
    { "xen_balloon",   "devices/system/xen_memory/xen_memory0", false},
};

/* Whether a driver's folder holds a link to a device, as "virtio3" or a GUID, and not "module". */
static bool oversell_is_bound(int sys_fd, const char *path)
{
    bool bound = false;
    int fd = openat(sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        auto_close_fd(&fd);
        return false;
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) { // NOLINT(concurrency-mt-unsafe)
        struct stat st;
        bool is_link =
            fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        bound = bound || (is_link && strcmp(d->d_name, "module") != 0);
    }
    (void)closedir(dir);
    return bound;
}

static const struct oversell_balloon *oversell_find_balloon(int sys_fd, const char **idle)
{
    *idle = NULL;
    for (size_t i = 0; i < sizeof oversell_balloons / sizeof oversell_balloons[0]; i++) {
        const struct oversell_balloon *b = &oversell_balloons[i];
        struct stat st;
        if (fstatat(sys_fd, b->path, &st, 0))
            continue;
        if (!b->by_device || oversell_is_bound(sys_fd, b->path))
            return b;
        *idle = b->name;
    }
    return NULL;
}

static void oversell_state_balloon(const struct oversell_host *h, struct facts *f)
{
    AUTO(buf) struct buf text = { 0 };
    const char *idle;
    char why[128];
    struct err e;
    struct stat st;
    uint64_t pages = 0;
    const struct oversell_balloon *b = oversell_find_balloon(h->sys_fd, &idle);
    if (!b && fstatat(h->sys_fd, "module", &st, 0) && fstatat(h->sys_fd, "bus", &st, 0)) {
        (void)facts_set_unknown(f, "host.balloon", "/sys tells of no drivers here");
        (void)facts_set_unknown(f, "host.balloon.taken", "it is not known whether there is one");
        return;
    }
    (void)snprintf(why, sizeof why, "the driver %s is there, and no device for it",
                   idle ? idle : "");
    (void)facts_set_text(f, "host.balloon", b ? b->name : "none",
                         b      ? "the host can take memory back from this guest while it runs"
                         : idle ? why
                                : NULL);
    if (!b)
        (void)facts_set_number(f, "host.balloon.taken", 0, UNIT_BYTES, "there is no balloon");
    else if (file_read_at(h->proc_fd, "vmstat", &text, &e))
        (void)facts_set_unknown(f, "host.balloon.taken", e.msg);
    else if (strcmp(b->name, "virtio_balloon") != 0 ||
             oversell_parse_balloon(buf_text(&text), &pages))
        (void)facts_set_unknown(f, "host.balloon.taken", "/proc/vmstat does not count its pages");
    else
        (void)facts_set_number(f, "host.balloon.taken", (double)pages * (double)h->page_bytes,
                               UNIT_BYTES, NULL);
}

static void oversell_state_ksm(const struct oversell_host *h, struct facts *f)
{
    static const char *const states[] = { "stopped", "running", "unmerged" };
    char why[128];
    char saved[UNITS_TEXT_BYTES];
    uint64_t run = 0;
    uint64_t pages = 0;
    struct err e;
    if (file_u64_at(h->sys_fd, "kernel/mm/ksm/run", &run, &e)) {
        (void)facts_set_unknown(f, "host.ksm", "this kernel has none, or does not tell of it here");
        return;
    }
    if (run >= sizeof states / sizeof states[0]) {
        (void)facts_set_unknown(f, "host.ksm", "it is in a state that is not known");
        return;
    }
    (void)file_u64_at(h->sys_fd, "kernel/mm/ksm/pages_sharing", &pages, &e);
    (void)units_format((double)pages * (double)h->page_bytes, UNIT_BYTES, saved);
    (void)snprintf(why, sizeof why, "%s of memory are held once for several", saved);
    (void)facts_set_text(f, "host.ksm", states[run], pages ? why : NULL);
}

static void oversell_state_clock(const struct oversell_host *h, const char *cpuinfo,
                                 struct facts *f)
{
    char mhz[32];
    char why[192];
    double told = 0;
    if (cpu_parse_line(cpuinfo, "cpu MHz", mhz, sizeof mhz) == 0)
        told = strtod(mhz, NULL);
    if (!(told > 0 && told < 1e5)) {
        (void)facts_set_unknown(f, "host.cpu.clock", "/proc/cpuinfo tells no frequency");
        return;
    }
    if (!(h->counter_rate > 0)) {
        (void)facts_set_unknown(f, "host.cpu.clock",
                                "this processor has no counter to compare with");
        return;
    }
    double counted = h->counter_rate / 1e6;
    bool agrees = fabs(told - counted) <= OVERSELL_CLOCK_RATIO * counted;
    (void)snprintf(why, sizeof why, "%.0f MHz in /proc/cpuinfo, and a counter of %.0f MHz%s", told,
                   counted,
                   agrees                                    ? ""
                   : h->virt && strcmp(h->virt, "none") == 0 ? ": the frequency moves with the load"
                                                             : ": one of them is made up, or the "
                                                               "frequency moves with the load");
    (void)facts_set_text(f, "host.cpu.clock", agrees ? "agrees" : "differs", why);
}

static void oversell_state_flag(const struct oversell_host *h, const char *cpuinfo, struct facts *f)
{
    bool has = false;
    if (oversell_has_flag(cpuinfo, "hypervisor", &has)) {
        (void)facts_set_unknown(f, "host.cpu.hypervisor", "/proc/cpuinfo has no flags of an x86");
        return;
    }
    bool bare = h->virt && strcmp(h->virt, "none") == 0;
    bool virtual = h->virt && !bare;
    const char *why = has && bare       ? "yet nothing else tells of one: it hides"
                      : !has && virtual ? "yet this is a virtual machine: the flag is hidden"
                                        : NULL;
    (void)facts_set_text(f, "host.cpu.hypervisor", has ? "yes" : "no", why);
}

static void oversell_state_model(const char *cpuinfo, struct facts *f)
{
    char model[CPU_MODEL_BYTES];
    const char *why = NULL;
    if (cpu_parse_model(cpuinfo, model)) {
        (void)facts_set_unknown(f, "host.cpu.disclosed", "/proc/cpuinfo names no model");
        return;
    }
    const char *word = oversell_disclosed(model, &why);
    (void)facts_set_text(f, "host.cpu.disclosed", word, why);
}

static void oversell_state_threads(const struct oversell_host *h, struct facts *f)
{
    char list[64];
    struct err e;
    unsigned threads =
        file_line_at(h->sys_fd, "devices/system/cpu/cpu0/topology/thread_siblings_list", list,
                     sizeof list, &e)
            ? 0
            : cpu_count_list(list);
    bool vague = threads == 1 && h->virt && strcmp(h->virt, "none") != 0;
    if (threads == 0)
        (void)facts_set_unknown(f, "host.cpu.threads", "/sys tells of no topology");
    else
        (void)facts_set_number(f, "host.cpu.threads", threads, UNIT_COUNT,
                               vague ? "says the hypervisor; each CPU may still be half of a core"
                                     : NULL);
}

void oversell_state(const struct oversell_host *h, struct facts *f)
{
    AUTO(buf)
    struct buf text = { .cap = (size_t)16 * LIMITS_PROC_BYTES }; /* 1.5 kB a CPU, 4096 CPUs */
    struct err e;
    oversell_state_balloon(h, f);
    oversell_state_ksm(h, f);
    oversell_state_threads(h, f);
    if (file_read_at(h->proc_fd, "cpuinfo", &text, &e)) {
        (void)facts_set_unknown(f, "host.cpu.disclosed", e.msg);
        (void)facts_set_unknown(f, "host.cpu.clock", e.msg);
        (void)facts_set_unknown(f, "host.cpu.hypervisor", e.msg);
        return;
    }
    oversell_state_model(buf_text(&text), f);
    oversell_state_clock(h, buf_text(&text), f);
    oversell_state_flag(h, buf_text(&text), f);
}
