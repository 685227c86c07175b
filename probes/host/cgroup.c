#include "probes/host/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    CGROUP_KERNEL_DEVICES = 4015,
    CGROUP_KERNEL_FREEZER = 5002,
};

static const char *const cgroup_v1_names[] = {
    "cpu",   "cpuacct", "cpuset",     "memory", "devices", "freezer", "net_cls", "net_prio",
    "blkio", "hugetlb", "perf_event", "pids",   "rdma",    "misc",    NULL,
};

static bool cgroup_has(const struct cgroup *c, const char *word, size_t size)
{
    const char *at = c->controllers;
    while (*at) {
        size_t n = strcspn(at, " ");
        if (n == size && memcmp(at, word, n) == 0)
            return true;
        at += n + (at[n] != '\0');
    }
    return false;
}

static void cgroup_add(struct cgroup *c, const char *word, size_t size)
{
    size_t used = strlen(c->controllers);
    if (size == 0 || size >= 32 || cgroup_has(c, word, size))
        return;
    (void)snprintf(c->controllers + used, sizeof c->controllers - used, "%s%.*s", used ? " " : "",
                   (int)size, word);
}

static bool cgroup_is_v1_name(const char *word, size_t size)
{
    for (unsigned i = 0; cgroup_v1_names[i]; i++) {
        if (strlen(cgroup_v1_names[i]) == size && memcmp(cgroup_v1_names[i], word, size) == 0)
            return true;
    }
    return false;
}

/* One of the first four fields of a line of /proc/mounts: source, mount point, type, options. */
struct cgroup_field {
    const char *text;
    size_t size;
};

static bool cgroup_is(const struct cgroup_field *f, const char *word)
{
    return f->size == strlen(word) && memcmp(f->text, word, f->size) == 0;
}

/* A path that is too long is left out. */
static void cgroup_set_path(char path[CGROUP_PATH_BYTES], const struct cgroup_field *f)
{
    if (!path[0] && f->size < CGROUP_PATH_BYTES)
        (void)snprintf(path, CGROUP_PATH_BYTES, "%.*s", (int)f->size, f->text);
}

static void cgroup_add_v1(struct cgroup *c, const struct cgroup_field *mount,
                          const struct cgroup_field *options)
{
    for (size_t at = 0; at < options->size;) {
        struct cgroup_field word = { options->text + at, strcspn(options->text + at, ", \n") };
        at += word.size + 1;
        if (!cgroup_is_v1_name(word.text, word.size))
            continue;
        c->v1 = true;
        cgroup_add(c, word.text, word.size);
        if (cgroup_is(&word, "pids"))
            cgroup_set_path(c->pids_mount, mount);
        if (cgroup_is(&word, "cpu"))
            cgroup_set_path(c->cpu_mount, mount);
    }
}

static void cgroup_parse_mount(const char *line, struct cgroup *c)
{
    struct cgroup_field field[4];
    for (unsigned i = 0; i < 4; i++) {
        field[i] = (struct cgroup_field){ line, strcspn(line, " \n") };
        line += field[i].size + (line[field[i].size] == ' ');
        if (field[i].size == 0)
            return;
    }
    if (cgroup_is(&field[2], "cgroup"))
        cgroup_add_v1(c, &field[1], &field[3]);
    if (cgroup_is(&field[2], "cgroup2")) {
        c->v2 = true;
        cgroup_set_path(c->v2_mount, &field[1]);
    }
}

void cgroup_parse_mounts(const char *mounts, struct cgroup *c)
{
    while (*mounts) {
        size_t n = strcspn(mounts, "\n");
        cgroup_parse_mount(mounts, c);
        mounts += n + (mounts[n] != '\0');
    }
}

const char *cgroup_version(const struct cgroup *c)
{
    if (c->v1)
        return c->v2 ? "hybrid" : "1";
    return c->v2 ? "2" : "none";
}

void cgroup_add_v2(struct cgroup *c, const char *controllers, unsigned kernel)
{
    while (*controllers) {
        size_t n = strcspn(controllers, " \n");
        cgroup_add(c, controllers, n);
        controllers += n + (controllers[n] != '\0');
    }
    if (c->v1)
        return;
    if (kernel >= CGROUP_KERNEL_DEVICES)
        cgroup_add(c, "devices", strlen("devices"));
    if (kernel >= CGROUP_KERNEL_FREEZER)
        cgroup_add(c, "freezer", strlen("freezer"));
}

/* cgroup.controllers of the v2 tree; a tree below /sys is read there. */
static int cgroup_read_v2(int proc_fd, int sys_fd, const struct cgroup *c, struct buf *text,
                          struct err *e)
{
    char path[192];
    bool in_sys = strncmp(c->v2_mount, "/sys/", 5) == 0;
    (void)snprintf(path, sizeof path, "%s%s/cgroup.controllers", in_sys ? "" : "self/root",
                   c->v2_mount + (in_sys ? 5 : 0));
    return file_read_at(in_sys ? sys_fd : proc_fd, path, text, e);
}

void cgroup_state(int proc_fd, int sys_fd, unsigned kernel, struct facts *f)
{
    AUTO(buf) struct buf mounts = { 0 };
    AUTO(buf) struct buf controllers = { 0 };
    struct cgroup c = { 0 };
    struct err e;
    if (file_read_at(proc_fd, "self/mounts", &mounts, &e)) {
        (void)facts_set_unknown(f, "host.cgroup.version", e.msg);
        (void)facts_set_unknown(f, "host.cgroup.controllers", e.msg);
        return;
    }
    cgroup_parse_mounts(buf_text(&mounts), &c);
    (void)facts_set_text(f, "host.cgroup.version", cgroup_version(&c),
                         c.v1 || c.v2 ? NULL : "no cgroup filesystem is mounted");
    if (c.v2 && cgroup_read_v2(proc_fd, sys_fd, &c, &controllers, &e) && !c.v1) {
        (void)facts_set_unknown(f, "host.cgroup.controllers", e.msg);
        return;
    }
    if (c.v2)
        cgroup_add_v2(&c, buf_text(&controllers), kernel);
    (void)facts_set_list(f, "host.cgroup.controllers", c.controllers,
                         c.v2 && !c.v1 ? "devices (4.15) and freezer (5.2) go by the kernel version"
                                       : NULL);
}
