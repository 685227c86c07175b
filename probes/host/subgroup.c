#include "probes/host/subgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/host/cgroup.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    SUBGROUP_NAME_BYTES = 40,
    SUBGROUP_REMOVALS = 100, /* a group is busy for a moment after its last process went */
};

struct subgroup_limit {
    const char *file;
    const char *value;
};

static const struct subgroup_limit subgroup_v2[] = {
    {"pids.max", "64"          },
    { "cpu.max", "50000 100000"},
    { NULL,      NULL          }
};
static const struct subgroup_limit subgroup_v1_pids[] = {
    {"pids.max", "64"},
    { NULL,      NULL}
};
static const struct subgroup_limit subgroup_v1_cpu[] = {
    {"cpu.cfs_quota_us", "50000"},
    { NULL,              NULL   }
};

static const char subgroup_prefix[] = "plimsoll-";
static const char subgroup_suffix[] = "-pids";

int subgroup_owner(const char *name, bool *handed_down)
{
    size_t n = sizeof subgroup_prefix - 1;
    char *end = NULL;
    if (strncmp(name, subgroup_prefix, n) != 0 || name[n] < '1' || name[n] > '9')
        return 0;
    unsigned long pid = strtoul(name + n, &end, 10);
    *handed_down = strcmp(end, subgroup_suffix) == 0;
    return (*end == '\0' || *handed_down) && pid <= INT_MAX ? (int)pid : 0;
}

static int subgroup_write(int dirfd, const char *file, const char *text, struct err *e)
{
    AUTO_CLOSE int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open %s of a control group", file);
    return file_write_all(fd, text, strlen(text), e) ? err_wrap(e, "%s '%s'", file, text) : 0;
}

static int subgroup_remove(int dirfd, const char *name)
{
    for (unsigned i = 0; i < SUBGROUP_REMOVALS; i++) {
        if (!unlinkat(dirfd, name, AT_REMOVEDIR) || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return -1;
        (void)clk_sleep_until(clk_now_ns() + 2 * (uint64_t)CLK_NS_PER_MS);
    }
    return -1;
}

/* Removes a group and takes back what was handed down for it. */
static int subgroup_undo(int dirfd, const char *name, bool handed_down)
{
    struct err ignored;
    if (subgroup_remove(dirfd, name))
        return -1;
    if (handed_down)
        (void)subgroup_write(dirfd, "cgroup.subtree_control", "-pids", &ignored);
    return 0;
}

/* A zombie is dead, however long its parent takes to notice. */
static bool subgroup_is_alive(int proc_fd, int pid)
{
    char path[32];
    char stat[256];
    struct err ignored;
    (void)snprintf(path, sizeof path, "%d/stat", pid);
    if (file_line_at(proc_fd, path, stat, sizeof stat, &ignored))
        return false;
    const char *state = strrchr(stat, ')');
    return !state || strncmp(state, ") Z", 3) != 0;
}

unsigned subgroup_sweep(int dirfd, int proc_fd)
{
    unsigned swept = 0;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        auto_close_fd(&fd);
        return 0;
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) { // NOLINT(concurrency-mt-unsafe)
        bool handed_down = false;
        int owner = subgroup_owner(d->d_name, &handed_down);
        if (owner && !subgroup_is_alive(proc_fd, owner))
            swept += subgroup_undo(dirfd, d->d_name, handed_down) == 0;
    }
    (void)closedir(dir);
    return swept;
}

/* Sets those limits that the group has, and names them in *remark. */
static int subgroup_limit(int group, const struct subgroup_limit *limits, char *remark,
                          struct err *e)
{
    unsigned set = 0;
    for (; limits->file; limits++) {
        if (faccessat(group, limits->file, F_OK, 0))
            continue;
        if (subgroup_write(group, limits->file, limits->value, e))
            return -1;
        size_t used = strlen(remark);
        (void)snprintf(remark + used, ATTEMPT_REMARK_BYTES - used, "%s%s", used ? ", " : "",
                       limits->file);
        set++;
    }
    return set ? 0
               : err_set(e, ERR_UNSUPPORTED, 0,
                         "a new control group has no limit to set: no controller is handed down "
                         "to it");
}

/* Moves a process into the group, and sees it there. */
static int subgroup_populate(int group, struct err *e)
{
    char want[16];
    char found[16];
    int parent = getpid();
    pid_t member = fork();
    if (member == 0) {
        if (!attempt_follow(parent))
            (void)pause();
        _exit(0);
    }
    if (member < 0)
        return err_set(e, ERR_NO_RESOURCE, errno, "fork");
    (void)snprintf(want, sizeof want, "%d", (int)member);
    int failed = subgroup_write(group, "cgroup.procs", want, e) ||
                 file_line_at(group, "cgroup.procs", found, sizeof found, e);
    if (!failed && strcmp(want, found) != 0)
        failed = err_set(e, ERR_UNSUPPORTED, 0, "a process that was moved did not arrive");
    (void)kill(member, SIGKILL);
    (void)waitpid(member, NULL, 0);
    return failed ? -1 : 0;
}

static int subgroup_use(int dirfd, const char *name, const struct subgroup_limit *limits,
                        char *remark, struct err *e)
{
    AUTO_CLOSE int group = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return err_set(e, err_kind_of(errno), errno, "open a new control group");
    return subgroup_limit(group, limits, remark, e) || subgroup_populate(group, e) ? -1 : 0;
}

/* One group below the mount point, from making to removing. */
static int subgroup_once(int dirfd, bool hand_down, const struct subgroup_limit *limits,
                         char *remark, struct err *e)
{
    char name[SUBGROUP_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s%d%s", subgroup_prefix, (int)getpid(),
                   hand_down ? subgroup_suffix : "");
    if (mkdirat(dirfd, name, 0700))
        return err_set(e, err_kind_of(errno), errno, "make a control group");
    int failed = hand_down ? subgroup_write(dirfd, "cgroup.subtree_control", "+pids", e) : 0;
    if (!failed)
        failed = subgroup_use(dirfd, name, limits, remark, e);
    struct err ignored;
    if (subgroup_undo(dirfd, name, hand_down))
        return err_set(failed ? &ignored : e, ERR_IO, errno, "remove the control group '%s'", name);
    return failed;
}

static int subgroup_open(const char *mount, int proc_fd, struct err *e)
{
    int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s'", mount);
    (void)subgroup_sweep(fd, proc_fd);
    return fd;
}

static int subgroup_try_v1(const struct cgroup *c, struct attempt *a, struct err *e)
{
    AUTO_CLOSE int pids = c->pids_mount[0] ? subgroup_open(c->pids_mount, a->proc_fd, e) : -1;
    AUTO_CLOSE int cpu = c->cpu_mount[0] ? subgroup_open(c->cpu_mount, a->proc_fd, e) : -1;
    if (pids < 0 && cpu < 0)
        return c->pids_mount[0] || c->cpu_mount[0]
                   ? -1
                   : err_set(e, ERR_UNSUPPORTED, 0, "neither pids nor cpu is mounted");
    if (pids >= 0 && subgroup_once(pids, false, subgroup_v1_pids, a->remark, e))
        return -1;
    return cpu >= 0 && subgroup_once(cpu, false, subgroup_v1_cpu, a->remark, e) ? -1 : 0;
}

static int subgroup_try_v2(const struct cgroup *c, struct attempt *a, struct err *e)
{
    char handed[256];
    AUTO_CLOSE int root = subgroup_open(c->v2_mount, a->proc_fd, e);
    if (root < 0 || file_line_at(root, "cgroup.subtree_control", handed, sizeof handed, e))
        return -1;
    return subgroup_once(root, handed[0] == '\0', subgroup_v2, a->remark, e);
}

int subgroup_try(struct attempt *a, struct err *e)
{
    AUTO(buf) struct buf mounts = { 0 };
    struct cgroup c = { 0 };
    if (file_read_at(a->proc_fd, "self/mounts", &mounts, e))
        return -1;
    cgroup_parse_mounts(buf_text(&mounts), &c);
    if (c.v1)
        return subgroup_try_v1(&c, a, e);
    if (c.v2 && c.v2_mount[0])
        return subgroup_try_v2(&c, a, e);
    return err_set(e, ERR_UNSUPPORTED, 0, "no cgroup filesystem is mounted");
}
