/*
 * place: what lies under a directory: filesystem, journal, block device, as the kernel says it.
 * The claims of the driver (rotational, write cache) are claims: virtio reports anything.
 */
#ifndef PROBES_KIT_PLACE_H
#define PROBES_KIT_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/err.h"

struct place {
    char fs[32];       /* "ext4", "xfs", "btrfs", "tmpfs", "overlay", ... */
    char options[256]; /* mount options */
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
    uint64_t total_inodes, free_inodes;
    bool in_memory;  /* tmpfs, ramfs, or a zram device */
    bool is_network; /* nfs, cifs, ceph, 9p, fuse.sshfs, ... */
    bool read_only;
};

/*
 * dir must be an existing directory. sys_fd and proc_fd are descriptors of /sys and /proc (or of
 * recorded trees).
 */
int place_of(const char *dir, int proc_fd, int sys_fd, struct place *p, struct err *e);

/*
 * Bytes that may be written there: free less what must stay free, which is 10 % of the filesystem
 * and at least 1 GiB.
 */
uint64_t place_writable_bytes(const struct place *p);

#endif
