#include "probes/host/system.h"

#include <stdio.h>
#include <string.h>

#include "probes/host/kernel.h"
#include "probes/kit/auto.h"
#include "probes/kit/container.h"
#include "probes/kit/file.h"
#include "probes/kit/stealclock.h"
#include "probes/kit/virt.h"

/* The value of KEY=, unquoted. -1 when the key is not there or holds nothing. */
static int system_value(const char *text, const char *key, char *value, size_t size)
{
    size_t n = strlen(key);
    while (*text && (strncmp(text, key, n) != 0 || text[n] != '=')) {
        text += strcspn(text, "\n");
        text += *text != '\0';
    }
    if (!*text)
        return -1;
    text += n + 1;
    char quote = '\0';
    if (*text == '"' || *text == '\'')
        quote = *text++;
    size_t used = 0;
    for (; *text && *text != '\n' && *text != quote && used + 1 < size; text++) {
        if (*text == '\\' && text[1] && text[1] != '\n')
            text++;
        value[used++] = *text;
    }
    value[used] = '\0';
    return used ? 0 : -1;
}

int system_parse_release(const char *text, char *name, size_t size)
{
    char first[64];
    char second[64];
    if (!system_value(text, "PRETTY_NAME", name, size))
        return 0;
    if (system_value(text, "NAME", first, sizeof first))
        return -1;
    bool versioned = !system_value(text, "VERSION_ID", second, sizeof second);
    (void)snprintf(name, size, "%s%s%s", first, versioned ? " " : "", versioned ? second : "");
    return 0;
}

static void system_state_os(int proc_fd, struct facts *f)
{
    AUTO(buf) struct buf text = { 0 };
    char name[128];
    struct err e;
    if (file_read_at(proc_fd, "self/root/etc/os-release", &text, &e) &&
        file_read_at(proc_fd, "self/root/usr/lib/os-release", &text, &e)) {
        (void)facts_set_unknown(f, "host.os", "there is no /etc/os-release");
    } else if (system_parse_release(buf_text(&text), name, sizeof name)) {
        (void)facts_set_unknown(f, "host.os", "/etc/os-release holds neither PRETTY_NAME nor NAME");
    } else {
        (void)facts_set_text(f, "host.os", name, NULL);
    }
}

static void system_state_container(int proc_fd, int sys_fd, struct facts *f)
{
    struct container c;
    char why[128];
    container_find(proc_fd, sys_fd, &c);
    (void)facts_set_text(f, "host.container", c.name, c.why);
    (void)snprintf(why, sizeof why, "/proc/self/uid_map %s",
                   c.user_namespace ? "maps some users only" : "maps every user to itself");
    if (c.uid_map[0])
        (void)facts_set_text(f, "host.userns", c.user_namespace ? "yes" : "no", why);
    else
        (void)facts_set_unknown(f, "host.userns",
                                "/proc/self/uid_map is not there: this kernel has no user "
                                "namespaces, or /proc is not mounted");
}

void system_state(int proc_fd, int sys_fd, const struct cpuid *cpuid, struct facts *f)
{
    char name[128];
    struct stealclock s;
    struct virt v;
    struct err e;
    system_state_os(proc_fd, f);
    if (file_line_at(proc_fd, "sys/kernel/hostname", name, sizeof name, &e))
        (void)facts_set_unknown(f, "host.hostname", e.msg);
    else
        (void)facts_set_text(f, "host.hostname", name, NULL);
    virt_find(proc_fd, sys_fd, cpuid, &v);
    (void)facts_set_text(f, "host.virtualization", v.name, v.why);
    if (v.product[0])
        (void)facts_set_text(f, "host.product", v.product, NULL);
    else
        (void)facts_set_unknown(f, "host.product", "neither DMI, device tree nor ACPI name one");
    system_state_container(proc_fd, sys_fd, f);
    stealclock_find(proc_fd, sys_fd, cpuid, &s);
    if (s.answer == STEALCLOCK_UNKNOWN)
        (void)facts_set_unknown(f, "host.steal.reported", s.why);
    else
        (void)facts_set_text(f, "host.steal.reported", stealclock_word(s.answer), s.why);
}

static void system_state_options(int proc_fd, const char *release, struct facts *f)
{
    static const char fact[] = "host.kernel.options";
    AUTO(buf) struct buf text = { 0 };
    AUTO(buf) struct buf words = { 0 };
    char where[256];
    char why[320];
    struct err e;
    if (kernel_config(proc_fd, release, &text, where, &e)) {
        (void)facts_set_unknown(f, fact, e.msg);
    } else if (kernel_options(buf_text(&text), &words, &e)) {
        (void)snprintf(why, sizeof why, "%s %s", where, e.msg);
        (void)facts_set_unknown(f, fact, why);
    } else {
        (void)snprintf(why, sizeof why, "%s; only options that orchestrators ask after are named",
                       where);
        (void)facts_set_list(f, fact, buf_text(&words), why);
    }
}

unsigned system_state_kernel(int proc_fd, struct facts *f)
{
    char release[KERNEL_RELEASE_BYTES];
    struct err e;
    if (kernel_release(proc_fd, release, &e)) {
        (void)facts_set_unknown(f, "host.kernel.release", e.msg);
        (void)facts_set_unknown(f, "host.kernel.version", e.msg);
        (void)facts_set_unknown(f, "host.kernel.options", e.msg);
        return 0;
    }
    unsigned version = kernel_version(release);
    (void)facts_set_text(f, "host.kernel.release", release, NULL);
    if (version)
        (void)facts_set_number(f, "host.kernel.version", version, UNIT_VERSION, NULL);
    else
        (void)facts_set_unknown(f, "host.kernel.version", "the release does not begin with N.N");
    system_state_options(proc_fd, release, f);
    return version;
}
