#include "probes/kit/container.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/file.h"

static const char *const container_names[] = {
    "systemd-nspawn", "lxc-libvirt", "lxc", "openvz", "docker", "podman", "rkt", "wsl",
    "proot",          "pouch",       NULL,
};

static bool container_say(struct container *c, const char *name, const char *why)
{
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    (void)snprintf(c->why, sizeof c->why, "%s", why);
    return true;
}

static bool container_has(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, 0) == 0;
}

static void container_read(int dirfd, const char *path, struct buf *text)
{
    struct err ignored;
    if (file_read_at(dirfd, path, text, &ignored))
        buf_clear(text);
}

static bool container_is_openvz(int proc_fd, struct container *c)
{
    AUTO(buf) struct buf status = { 0 };
    if (!container_has(proc_fd, "vz") || container_has(proc_fd, "bc") ||
        container_has(proc_fd, "lve/list"))
        return false;
    container_read(proc_fd, "self/status", &status);
    const char *id = strstr(buf_text(&status), "\nenvID:");
    if (id && atoi(id + strlen("\nenvID:")) == 0) // NOLINT(cert-err34-c): not a number is 0 too
        return false;
    return container_say(c, "openvz", "/proc/vz is there and /proc/bc is not");
}

static bool container_is_wsl(int proc_fd, struct container *c)
{
    AUTO(buf) struct buf release = { 0 };
    container_read(proc_fd, "sys/kernel/osrelease", &release);
    if (!strstr(buf_text(&release), "Microsoft") && !strstr(buf_text(&release), "WSL"))
        return false;
    return container_say(c, "wsl", "the kernel release names Microsoft's subsystem");
}

/* What a manager calls itself; some call every container of theirs "oci". */
static bool container_is_named(const char *word, const char *where, struct container *c)
{
    size_t n = strcspn(word, "\n");
    char why[96];
    if (n == 0 || (n == 3 && strncmp(word, "oci", n) == 0))
        return false;
    (void)snprintf(why, sizeof why, "%s says %.*s", where, (int)(n < 24 ? n : 24), word);
    for (unsigned i = 0; container_names[i]; i++) {
        if (strlen(container_names[i]) == n && strncmp(word, container_names[i], n) == 0)
            return container_say(c, container_names[i], why);
    }
    return container_say(c, "container-other", why);
}

/* container= in the environment of PID 1, whose variables end with a NUL each. */
static bool container_is_in_environ(int proc_fd, struct container *c)
{
    static const char key[] = "container=";
    AUTO(buf) struct buf text = { 0 };
    container_read(proc_fd, "1/environ", &text);
    for (size_t at = 0; at < text.size; at += strlen(text.data + at) + 1) {
        if (strncmp(text.data + at, key, sizeof key - 1) == 0)
            return container_is_named(text.data + at + sizeof key - 1, "the environment of PID 1",
                                      c);
    }
    return false;
}

static bool container_is_managed(int proc_fd, struct container *c)
{
    static const char *const files[] = { "/run/host/container-manager", "/run/systemd/container",
                                         NULL };
    for (unsigned i = 0; files[i]; i++) {
        AUTO(buf) struct buf word = { 0 };
        char path[64];
        (void)snprintf(path, sizeof path, "self/root%s", files[i]);
        container_read(proc_fd, path, &word);
        if (container_is_named(buf_text(&word), files[i], c))
            return true;
    }
    return container_is_in_environ(proc_fd, c);
}

/* Whether our namespaces are the ones the kernel began with. */
static bool container_is_first(int proc_fd)
{
    static const char *const first[][2] = {
        {"self/ns/ipc",   "ipc:[4026531839]" },
        { "self/ns/uts",  "uts:[4026531838]" },
        { "self/ns/user", "user:[4026531837]"},
        { "self/ns/pid",  "pid:[4026531836]" },
    };
    AUTO(buf) struct buf mounts = { 0 };
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        char link[32] = { 0 };
        if (readlinkat(proc_fd, first[i][0], link, sizeof link - 1) < 0 ||
            strcmp(link, first[i][1]) != 0)
            return false;
    }
    container_read(proc_fd, "self/mounts", &mounts);
    return mounts.size > 0 && !strstr(buf_text(&mounts), " / overlay ");
}

static bool container_is_marked(int proc_fd, struct container *c)
{
    bool podman = container_has(proc_fd, "self/root/run/.containerenv");
    if (!podman && !container_has(proc_fd, "self/root/.dockerenv"))
        return false;
    const char *mark = podman ? "/run/.containerenv" : "/.dockerenv";
    char why[160];
    if (!container_is_first(proc_fd)) {
        (void)snprintf(why, sizeof why, "%s is there", mark);
        return container_say(c, podman ? "podman" : "docker", why);
    }
    (void)snprintf(why, sizeof why,
                   "%s is only a leftover of the image that this root was made from: the "
                   "namespaces are the kernel's first ones",
                   mark);
    return container_say(c, "none", why);
}

/* The true root of a cgroup v2 tree has neither file. */
static bool container_is_below_root(int sys_fd, struct container *c)
{
    if (!container_has(sys_fd, "fs/cgroup/cgroup.events") ||
        !container_has(sys_fd, "fs/cgroup/cgroup.type"))
        return false;
    return container_say(c, "container-other", "the root of /sys/fs/cgroup is a group of others");
}

/* "0 0 4294967295": every user is who he is. */
static bool container_maps_all(const char *uid_map)
{
    static const unsigned long whole[] = { 0, 0, UINT32_MAX };
    char *at = NULL;
    for (unsigned i = 0; i < 3; i++) {
        const char *from = at ? at : uid_map;
        if (strtoul(from, &at, 10) != whole[i] || at == from)
            return false;
    }
    return true;
}

void container_find(int proc_fd, int sys_fd, struct container *c)
{
    struct err ignored;
    *c = (struct container){ 0 };
    if (!file_line_at(proc_fd, "self/uid_map", c->uid_map, sizeof c->uid_map, &ignored))
        c->user_namespace = !container_maps_all(c->uid_map);
    if (container_is_openvz(proc_fd, c) || container_is_wsl(proc_fd, c) ||
        container_is_managed(proc_fd, c) || container_is_marked(proc_fd, c) ||
        container_is_below_root(sys_fd, c))
        return;
    (void)container_say(c, "none", "no sign of a container");
}
