#include "probes/kit/place.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    PLACE_KEEP_PERCENT = 10
};

#define PLACE_KEEP_BYTES (UINT64_C(1) << 30)

/* Filesystems by kind, and what stands for a journal in each. */
static const struct place_kind {
    const char *fs;
    const char *journal; /* "" to be looked up */
    bool in_memory, is_network;
} place_kinds[] = {
    {"ext4",            "",                 false, false},
    { "ext3",           "",                 false, false},
    { "ext2",           "none",             false, false},
    { "xfs",            "yes",              false, false},
    { "jfs",            "yes",              false, false},
    { "btrfs",          "log tree",         false, false},
    { "zfs",            "intent log",       false, false},
    { "f2fs",           "roll-forward log", false, false},
    { "tmpfs",          "n/a",              true,  false},
    { "ramfs",          "n/a",              true,  false},
    { "nfs",            "n/a",              false, true },
    { "nfs4",           "n/a",              false, true },
    { "cifs",           "n/a",              false, true },
    { "smb3",           "n/a",              false, true },
    { "ceph",           "n/a",              false, true },
    { "9p",             "n/a",              false, true },
    { "virtiofs",       "n/a",              false, true },
    { "fuse.sshfs",     "n/a",              false, true },
    { "fuse.glusterfs", "n/a",              false, true },
};

static void place_copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : "");
}

static FILE *place_open_mountinfo(int proc_fd)
{
    int fd = openat(proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !f)
        auto_close_fd(&fd);
    return f;
}

static bool place_below(const char *dir, const char *mount)
{
    size_t n = strlen(mount);
    if (strcmp(mount, "/") == 0)
        return true;
    return strncmp(dir, mount, n) == 0 && (dir[n] == '\0' || dir[n] == '/');
}

/* The longest mount point above dir; of several mounted there, the last. */
static struct libmnt_fs *place_find_mount(struct libmnt_table *table, const char *dir)
{
    struct libmnt_fs *fs = NULL;
    struct libmnt_fs *best = NULL;
    size_t longest = 0;
    struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
    while (iter && mnt_table_next_fs(table, iter, &fs) == 0) {
        const char *target = mnt_fs_get_target(fs);
        if (target && place_below(dir, target) && strlen(target) >= longest) {
            best = fs;
            longest = strlen(target);
        }
    }
    mnt_free_iter(iter);
    return best;
}

/* Fills what the mount table says; the device number of the filesystem, 0 when not known. */
static dev_t place_read_mount(const char *dir, int proc_fd, struct place *p)
{
    AUTO_FCLOSE FILE *f = place_open_mountinfo(proc_fd);
    struct libmnt_table *table = f ? mnt_new_table() : NULL;
    dev_t dev = 0;
    if (!table)
        return 0;
    struct libmnt_fs *fs =
        mnt_table_parse_stream(table, f, "mountinfo") ? NULL : place_find_mount(table, dir);
    if (fs) {
        place_copy(p->fs, sizeof p->fs, mnt_fs_get_fstype(fs));
        place_copy(p->options, sizeof p->options, mnt_fs_get_options(fs));
        place_copy(p->mount, sizeof p->mount, mnt_fs_get_target(fs));
        place_copy(p->source, sizeof p->source, mnt_fs_get_source(fs));
        dev = mnt_fs_get_devno(fs);
    }
    mnt_unref_table(table);
    return dev;
}

/* The last part of the path that a link below sysfs leads to. */
static int place_link_name(int sys_fd, const char *path, char *name, size_t size)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(sys_fd, path, target, sizeof target - 1);
    if (n <= 0)
        return -1;
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    place_copy(name, size, slash ? slash + 1 : target);
    return 0;
}

/* The whole disk behind a device number: a partition's parent. */
static void place_read_device(int sys_fd, dev_t dev, struct place *p)
{
    char path[PATH_MAX];
    char target[PATH_MAX];
    (void)snprintf(path, sizeof path, "dev/block/%u:%u", major(dev), minor(dev));
    ssize_t n = readlinkat(sys_fd, path, target, sizeof target - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    char *slash = strrchr(target, '/');
    (void)snprintf(path, sizeof path, "dev/block/%u:%u/partition", major(dev), minor(dev));
    if (slash && faccessat(sys_fd, path, F_OK, 0) == 0) {
        *slash = '\0';
        slash = strrchr(target, '/');
    }
    place_copy(p->device, sizeof p->device, slash ? slash + 1 : target);
}

static void place_line(int sys_fd, const char *device, const char *leaf, char *line, size_t size)
{
    char path[PATH_MAX];
    struct err ignored;
    (void)snprintf(path, sizeof path, "block/%s/%s", device, leaf);
    if (file_line_at(sys_fd, path, line, size, &ignored))
        line[0] = '\0';
}

/* "none [mq-deadline] kyber": the one in brackets is active. */
static void place_active(char *line)
{
    char *open = strchr(line, '[');
    char *close = open ? strchr(open, ']') : NULL;
    if (close) {
        size_t n = (size_t)(close - open) - 1;
        memmove(line, open + 1, n);
        line[n] = '\0';
    }
}

static void place_read_driver(int sys_fd, struct place *p)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "block/%s/device/driver", p->device);
    if (!place_link_name(sys_fd, path, p->driver, sizeof p->driver))
        return;
    static const char *const prefixes[] = { "nvme", "dm-", "loop", "zram", "md", "rbd", "nbd" };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(p->device, prefixes[i], n) == 0) {
            place_copy(p->driver, sizeof p->driver, prefixes[i]);
            p->driver[strcspn(p->driver, "-")] = '\0';
        }
    }
}

static void place_read_disk(int sys_fd, struct place *p)
{
    char line[32];
    if (!p->device[0])
        return;
    place_read_driver(sys_fd, p);
    place_line(sys_fd, p->device, "device/model", p->model, sizeof p->model);
    place_line(sys_fd, p->device, "queue/scheduler", p->scheduler, sizeof p->scheduler);
    place_active(p->scheduler);
    place_line(sys_fd, p->device, "queue/write_cache", p->write_cache, sizeof p->write_cache);
    place_line(sys_fd, p->device, "queue/rotational", line, sizeof line);
    if (line[0] == '0' || line[0] == '1')
        p->rotational = line[0] - '0';
    place_line(sys_fd, p->device, "queue/logical_block_size", line, sizeof line);
    p->logical_block_bytes = strtoull(line, NULL, 10);
    p->in_memory = p->in_memory || strncmp(p->device, "zram", 4) == 0;
}

/* jbd2 shows a folder per journal: /proc/fs/jbd2/vda-8. The mount option tells its mode. */
static void place_read_journal(int proc_fd, dev_t dev, int sys_fd, struct place *p)
{
    char name[64];
    char path[PATH_MAX];
    if (p->journal[0])
        return;
    (void)snprintf(path, sizeof path, "dev/block/%u:%u", major(dev), minor(dev));
    if (place_link_name(sys_fd, path, name, sizeof name)) {
        place_copy(p->journal, sizeof p->journal, "not known");
        return;
    }
    (void)snprintf(path, sizeof path, "fs/jbd2/%s-8", name);
    if (faccessat(proc_fd, path, F_OK, 0)) {
        place_copy(p->journal, sizeof p->journal, "none");
        return;
    }
    const char *mode = strstr(p->options, "data=");
    place_copy(p->journal, sizeof p->journal, mode ? mode + 5 : "ordered");
    p->journal[strcspn(p->journal, ",")] = '\0';
}

static void place_classify(struct place *p)
{
    for (size_t i = 0; i < sizeof place_kinds / sizeof place_kinds[0]; i++) {
        if (strcmp(place_kinds[i].fs, p->fs) == 0) {
            place_copy(p->journal, sizeof p->journal, place_kinds[i].journal);
            p->in_memory = place_kinds[i].in_memory;
            p->is_network = place_kinds[i].is_network;
            return;
        }
    }
    place_copy(p->journal, sizeof p->journal, "not known");
}

static int place_read_space(const char *dir, struct place *p, struct err *e)
{
    struct statvfs v;
    if (statvfs(dir, &v))
        return err_set(e, err_kind_of(errno), errno, "look at the filesystem of '%s'", dir);
    p->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    p->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    p->total_inodes = v.f_files;
    p->free_inodes = v.f_favail;
    p->read_only = (v.f_flag & ST_RDONLY) != 0;
    return 0;
}

int place_of(const char *dir, int proc_fd, int sys_fd, struct place *p, struct err *e)
{
    AUTO_FREE char *real = realpath(dir, NULL);
    *p = (struct place){ .rotational = -1 };
    if (!real)
        return err_set(e, err_kind_of(errno), errno, "find '%s'", dir);
    if (place_read_space(real, p, e))
        return -1;
    dev_t dev = place_read_mount(real, proc_fd, p);
    place_classify(p);
    if (dev)
        place_read_device(sys_fd, dev, p);
    place_read_journal(proc_fd, dev, sys_fd, p);
    place_read_disk(sys_fd, p);
    return 0;
}

uint64_t place_writable_bytes(const struct place *p)
{
    uint64_t keep = p->total_bytes / 100 * PLACE_KEEP_PERCENT;
    keep = keep < PLACE_KEEP_BYTES ? PLACE_KEEP_BYTES : keep;
    return p->free_bytes > keep ? p->free_bytes - keep : 0;
}
