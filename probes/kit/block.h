/*
 * block: a block device as /sys says it. Every sys_fd is a descriptor of /sys or of a recorded
 * tree. What the kernel does not say stays empty; that is no error.
 * SOURCE: Linux Documentation/ABI/stable/sysfs-block, Documentation/ABI/testing/sysfs-block-dm.
 */
#ifndef PROBES_KIT_BLOCK_H
#define PROBES_KIT_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BLOCK_NAME_BYTES = 64,
    BLOCK_PATH_BYTES = 4096
};

struct block {
    char name[BLOCK_NAME_BYTES]; /* the whole disk's, "vda", "dm-0"; "" when sysfs has none */
    /*
     * The disk itself, or the only one below a device-mapper or md device: whose driver, model and
     * scheduler these are. The name again when it lies on several.
     */
    char bottom[BLOCK_NAME_BYTES];
    char driver[BLOCK_NAME_BYTES]; /* "virtio_blk", "nvme", "virtio_scsi" rather than "sd"; "" */
    char model[BLOCK_NAME_BYTES];
    char scheduler[32];                  /* the active one */
    char write_cache[32];                /* "write back", "write through", "" */
    int rotational;                      /* 1, 0, -1 not known */
    uint64_t logical_block_bytes;        /* 0 not known */
    bool in_memory;                      /* zram or a ram disk, here or at the bottom */
    char backing_file[BLOCK_PATH_BYTES]; /* of a loop device; "" */
};

/* The device of that number, "vda1"; false and "" when there is none. */
bool block_name_of_dev(int sys_fd, dev_t dev, char name[BLOCK_NAME_BYTES]);
/* The device of "/dev/vda1" or "/dev/mapper/vg-root"; false and "" when there is none. */
bool block_name_of_path(int sys_fd, const char *path, char name[BLOCK_NAME_BYTES]);
/* The disk that name is, or is a partition of. */
void block_describe(int sys_fd, const char *name, struct block *b);

#endif
