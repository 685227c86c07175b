#include "probes/kit/block.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

enum {
    BLOCK_STACK_MAX = 8, /* devices on devices: LVM on LUKS on md is three */
    BLOCK_BUS_MAX = 6,   /* steps up from a disk to its adapter: a SCSI disk needs three */
};

static void block_copy(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

/* "class/block/NAME/WHAT"; a name too long for it is cut, and then not found. */
static const char *block_path(char path[PATH_MAX], const char *name, const char *what)
{
    (void)snprintf(path, PATH_MAX, "class/block/%s/%s", name, what);
    return path;
}

static void block_line(int sys_fd, const char *name, const char *what, char *line, size_t size)
{
    char path[PATH_MAX];
    struct err ignored;
    line[0] = '\0';
    (void)file_line_at(sys_fd, block_path(path, name, what), line, size, &ignored);
}

static bool block_number(int sys_fd, const char *name, const char *what, uint64_t *value)
{
    char path[PATH_MAX];
    struct err ignored;
    return !file_u64_at(sys_fd, block_path(path, name, what), value, &ignored);
}

/* The last name of a link's target, or with up 1 the one before it. */
static bool block_link_name(int sys_fd, const char *path, unsigned up, char name[BLOCK_NAME_BYTES])
{
    char target[PATH_MAX];
    name[0] = '\0';
    ssize_t n = readlinkat(sys_fd, path, target, sizeof target - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    char *slash = strrchr(target, '/');
    for (; up > 0 && slash; up--) {
        *slash = '\0';
        slash = strrchr(target, '/');
    }
    block_copy(name, BLOCK_NAME_BYTES, slash ? slash + 1 : target);
    return name[0] != '\0';
}

bool block_name_of_dev(int sys_fd, dev_t dev, char name[BLOCK_NAME_BYTES])
{
    char path[64];
    (void)snprintf(path, sizeof path, "dev/block/%u:%u", major(dev), minor(dev));
    return block_link_name(sys_fd, path, 0, name);
}

/* A partition's disk; a disk is its own. False when sysfs does not know the device. */
static bool block_whole_of(int sys_fd, const char *name, char whole[BLOCK_NAME_BYTES])
{
    char path[PATH_MAX];
    uint64_t number = 0;
    whole[0] = '\0';
    if (!name[0])
        return false;
    unsigned up = block_number(sys_fd, name, "partition", &number);
    (void)snprintf(path, sizeof path, "class/block/%s", name);
    return block_link_name(sys_fd, path, up, whole);
}

static DIR *block_open_dir(int sys_fd, const char *path)
{
    int fd = openat(sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        auto_close_fd(&fd);
    return dir;
}

/* The next name but . and ..; NULL at the end, or when dir is NULL. */
static const char *block_next(DIR *dir)
{
    struct dirent *d = NULL;
    do {
        d = dir ? readdir(dir) : NULL; // NOLINT(concurrency-mt-unsafe): the stream is ours
    } while (d && d->d_name[0] == '.');
    return d ? d->d_name : NULL;
}

/* The device-mapper device of that name. */
static void block_find_mapped(int sys_fd, const char *wanted, char name[BLOCK_NAME_BYTES])
{
    char mapped[NAME_MAX + 1];
    DIR *dir = block_open_dir(sys_fd, "class/block");
    for (const char *d = block_next(dir); d && !name[0]; d = block_next(dir)) {
        if (strncmp(d, "dm-", 3) != 0)
            continue;
        block_line(sys_fd, d, "dm/name", mapped, sizeof mapped);
        if (strcmp(mapped, wanted) == 0)
            block_copy(name, BLOCK_NAME_BYTES, d);
    }
    if (dir)
        (void)closedir(dir);
}

bool block_name_of_path(int sys_fd, const char *path, char name[BLOCK_NAME_BYTES])
{
    static const char mapper[] = "/dev/mapper/";
    static const char dev[] = "/dev/";
    char whole[BLOCK_NAME_BYTES];
    name[0] = '\0';
    if (strncmp(path, mapper, sizeof mapper - 1) == 0) {
        block_find_mapped(sys_fd, path + sizeof mapper - 1, name);
    } else if (strncmp(path, dev, sizeof dev - 1) == 0) {
        block_copy(name, BLOCK_NAME_BYTES, path + sizeof dev - 1);
    }
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/'))
        *slash = '!'; /* as the kernel writes "cciss/c0d0" */
    if (!block_whole_of(sys_fd, name, whole))
        name[0] = '\0';
    return name[0] != '\0';
}

/* The only device that name is mapped from; false when there are none or several. */
static bool block_only_slave(int sys_fd, const char *name, char slave[BLOCK_NAME_BYTES])
{
    char path[PATH_MAX];
    unsigned count = 0;
    DIR *dir = block_open_dir(sys_fd, block_path(path, name, "slaves"));
    for (const char *d = block_next(dir); d; d = block_next(dir)) {
        block_copy(slave, BLOCK_NAME_BYTES, d);
        count++;
    }
    if (dir)
        (void)closedir(dir);
    return count == 1;
}

static void block_bottom(int sys_fd, const char *name, char bottom[BLOCK_NAME_BYTES])
{
    char slave[BLOCK_NAME_BYTES], whole[BLOCK_NAME_BYTES];
    block_copy(bottom, BLOCK_NAME_BYTES, name);
    for (unsigned i = 0; i < BLOCK_STACK_MAX; i++) {
        if (!block_only_slave(sys_fd, bottom, slave) || !block_whole_of(sys_fd, slave, whole))
            return;
        block_copy(bottom, BLOCK_NAME_BYTES, whole);
    }
}

/* The driver of disks that stand on no bus, by name: "nvme" where the controller is not shown. */
static void block_driver_of_name(const char *name, char driver[BLOCK_NAME_BYTES])
{
    static const char *const drivers[] = { "drbd", "loop", "md", "nbd", "nvme", "rbd", "zram" };
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
        if (strncmp(name, drivers[i], strlen(drivers[i])) == 0)
            block_copy(driver, BLOCK_NAME_BYTES, drivers[i]);
    }
}

/*
 * The driver nearest to the disk, but for "sd", which every SCSI disk has: the adapter's driver
 * (virtio_scsi, hv_storvsc, ahci) says more. An NVMe disk hangs below its controller's node.
 */
static void block_driver(int sys_fd, const char *name, char driver[BLOCK_NAME_BYTES])
{
    char path[PATH_MAX], found[BLOCK_NAME_BYTES];
    size_t n = strlen(block_path(path, name, "device"));
    block_driver_of_name(name, driver);
    for (unsigned i = 0; i < BLOCK_BUS_MAX && n + sizeof "/../driver" < sizeof path; i++) {
        memcpy(path + n, "/driver", sizeof "/driver");
        if (block_link_name(sys_fd, path, 0, found)) {
            block_copy(driver, BLOCK_NAME_BYTES, found);
            if (strcmp(found, "sd") != 0)
                return;
        }
        memcpy(path + n, "/..", sizeof "/..");
        n += sizeof "/.." - 1;
    }
}

/* "mq-deadline" of "[mq-deadline] none". */
static void block_scheduler(int sys_fd, const char *name, char *active, size_t size)
{
    char line[256];
    block_line(sys_fd, name, "queue/scheduler", line, sizeof line);
    char *open = strchr(line, '[');
    char *close = open ? strchr(open, ']') : NULL;
    if (close)
        *close = '\0';
    block_copy(active, size, close ? open + 1 : line);
}

static bool block_is_memory(const char *name)
{
    return strncmp(name, "zram", 4) == 0 ||
           (strncmp(name, "ram", 3) == 0 && isdigit((unsigned char)name[3]));
}

void block_describe(int sys_fd, const char *name, struct block *b)
{
    uint64_t rotational = 0;
    *b = (struct block){ .rotational = -1 };
    if (!block_whole_of(sys_fd, name, b->name))
        return;
    block_bottom(sys_fd, b->name, b->bottom);
    block_driver(sys_fd, b->bottom, b->driver);
    block_line(sys_fd, b->bottom, "device/model", b->model, sizeof b->model);
    block_scheduler(sys_fd, b->bottom, b->scheduler, sizeof b->scheduler);
    block_line(sys_fd, b->name, "queue/write_cache", b->write_cache, sizeof b->write_cache);
    if (block_number(sys_fd, b->name, "queue/rotational", &rotational))
        b->rotational = rotational != 0;
    (void)block_number(sys_fd, b->name, "queue/logical_block_size", &b->logical_block_bytes);
    block_line(sys_fd, b->name, "loop/backing_file", b->backing_file, sizeof b->backing_file);
    b->in_memory = block_is_memory(b->name) || block_is_memory(b->bottom);
}
