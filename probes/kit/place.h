/*
 * place: what lies under a directory: filesystem, journal, block device, as the kernel says it.
 * The claims of the driver (rotational, write cache) are claims: virtio reports anything.
 *
 * What /proc and /sys do not tell (a container, an old kernel) stays empty; that is no error.
 * An overlay is named as such, and journal and device are those of its upper directory where that
 * is mounted in sight.
 * A device-mapper or md device keeps its own name; where it lies on one disk only, driver, model
 * and scheduler are that disk's.
 * SOURCE: Linux Documentation/filesystems/proc.rst 3.5 (mountinfo), Documentation/ABI/stable/
 * sysfs-block, Documentation/filesystems/ext4; libmount parses the mount table.
 */
#ifndef PROBES_KIT_PLACE_H
#define PROBES_KIT_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/kit/err.h"

struct place {
    char fs[32];       /* "ext4", "xfs", "btrfs", "tmpfs", "overlay", ... */
    char options[256]; /* mount options, cut at 255 */
    char mount[256];   /* mount point */
    char source[256];  /* "/dev/vda1" */
    char journal[32];  /* "ordered", "none", "yes", "n/a", "not known" */
    char device[64];   /* "vda", the whole disk's name in /sys/block; "" when none */
    char driver[64];   /* "virtio_blk", "nvme", "" */
    char model[64];
    int rotational;                   /* 1, 0, -1 not known */
    char scheduler[32];               /* the active one */
    char write_cache[32];             /* "write back", "write through", "" */
    uint64_t logical_block_bytes;     /* 0 not known */
    uint64_t total_bytes, free_bytes; /* free to this user */
    uint64_t total_inodes;            /* 0: the filesystem makes them as it goes (btrfs) */
    uint64_t free_inodes;
    bool in_memory;  /* tmpfs, ramfs, a zram or ram disk, or a loop device over a file on those */
    bool is_network; /* nfs, cifs, ceph, 9p, fuse.sshfs, ... */
    bool read_only;
};

/*
 * dir must be an existing directory. sys_fd and proc_fd are descriptors of /sys and /proc (or of
 * recorded trees).
 */
int place_of(const char *dir, int proc_fd, int sys_fd, struct place *p, struct err *e);

/*
 * The part of place_of that is read from the trees; all but sizes, inodes. path: absolute, without
 * links. dev: its st_dev, or 0 when not known.
 */
void place_find(const char *path, dev_t dev, int proc_fd, int sys_fd, struct place *p);

/*
 * Bytes that may be written there: free less what must stay free, which is 10 % of the filesystem
 * and at least 1 GiB. 0 where it is read-only.
 */
uint64_t place_writable_bytes(const struct place *p);

#endif
