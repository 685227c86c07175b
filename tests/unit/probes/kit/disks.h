/*
 * disks: the /sys of a host that has every kind of disk, as recorded on hosts that have one each.
 */
#ifndef TESTS_UNIT_PROBES_KIT_DISKS_H
#define TESTS_UNIT_PROBES_KIT_DISKS_H

#include "tests/unit/tree.h"

#define DISKS_VIRTIO "devices/pci0000:00/0000:00:04.0/virtio1"
#define DISKS_NVME   "devices/pci0000:00/0000:00:1e.0"
#define DISKS_HBA    "devices/pci0000:00/0000:00:05.0/virtio2"
#define DISKS_SCSI   DISKS_HBA "/host2/target2:0:0/2:0:0:1"
#define DISKS_VDA    DISKS_VIRTIO "/block/vda"
#define DISKS_NVME0  DISKS_NVME "/nvme/nvme0"
#define DISKS_SDA    DISKS_SCSI "/block/sda"
#define DISKS_NONE   "devices/virtual/block/"

#define DISKS_QUEUE(path, rotational, scheduler, cache)                                            \
    { path "/queue/rotational", rotational "\n" }, { path "/queue/scheduler", scheduler "\n" },    \
        { path "/queue/write_cache", cache "\n" },                                                 \
    {                                                                                              \
        path "/queue/logical_block_size", "512\n"                                                  \
    }

/* The two names under which /sys has a device. */
#define DISKS_NAME(name, number, path)                                                             \
    { "dev/block/" number, "-> ../../" path },                                                     \
    {                                                                                              \
        "class/block/" name, "-> ../../" path                                                      \
    }

static const struct tree_row disks_sys[] = {
  /* A virtio disk with two partitions. */
    DISKS_NAME("vda", "254:0", DISKS_VDA),
    DISKS_NAME("vda1", "254:1", DISKS_VDA "/vda1"),
    DISKS_NAME("vda2", "254:2", DISKS_VDA "/vda2"),
    DISKS_QUEUE(DISKS_VDA, "1", "none [mq-deadline] kyber", "write back"),
    {DISKS_VDA "/device",                         "-> ../../../virtio1"                          },
    { DISKS_VDA "/vda1/partition",                "1\n"                                          },
    { DISKS_VDA "/vda2/partition",                "2\n"                                          },
    { DISKS_VIRTIO "/driver",                     "-> ../../../../bus/virtio/drivers/virtio_blk" },
    { DISKS_VIRTIO "/../driver",                  "-> ../../../bus/pci/drivers/virtio-pci"       },

 /* An NVMe disk below its controller's node, which has no driver of its own. */
    DISKS_NAME("nvme0n1", "259:0", DISKS_NVME0 "/nvme0n1"),
    DISKS_NAME("nvme0n1p1", "259:1", DISKS_NVME0 "/nvme0n1/nvme0n1p1"),
    DISKS_QUEUE(DISKS_NVME0 "/nvme0n1", "0", "[none] mq-deadline", "write through"),
    { DISKS_NVME0 "/nvme0n1/device",              "-> ../../nvme0"                               },
    { DISKS_NVME0 "/nvme0n1/nvme0n1p1/partition", "1\n"                                          },
    { DISKS_NVME0 "/model",                       "Amazon Elastic Block Store              \n"   },
    { DISKS_NVME "/driver",                       "-> ../../../bus/pci/drivers/nvme"             },

 /* A SCSI disk behind virtio: "sd" is not what tells hosts apart. */
    DISKS_NAME("sda", "8:0", DISKS_SDA),
    DISKS_NAME("sda1", "8:1", DISKS_SDA "/sda1"),
    DISKS_QUEUE(DISKS_SDA, "1", "[bfq] none", "write back"),
    { DISKS_SDA "/device",                        "-> ../../../2:0:0:1"                          },
    { DISKS_SDA "/sda1/partition",                "1\n"                                          },
    { DISKS_SCSI "/model",                        "QEMU HARDDISK   \n"                           },
    { DISKS_SCSI "/driver",                       "-> ../../../../../../../bus/scsi/drivers/sd"  },
    { DISKS_HBA "/driver",                        "-> ../../../../bus/virtio/drivers/virtio_scsi"},

 /* A volume on one partition, one on that volume, one on two disks. */
    DISKS_NAME("dm-0", "253:0", DISKS_NONE "dm-0"),
    DISKS_QUEUE(DISKS_NONE "dm-0", "1", "none", "write back"),
    { DISKS_NONE "dm-0/dm/name",                  "vg0-root\n"                                   },
    { DISKS_NONE "dm-0/slaves/vda2",              "-> ../../../../../" DISKS_VDA "/vda2"         },
    DISKS_NAME("dm-1", "253:1", DISKS_NONE "dm-1"),
    DISKS_QUEUE(DISKS_NONE "dm-1", "1", "none", "write back"),
    { DISKS_NONE "dm-1/dm/name",                  "secret\n"                                     },
    { DISKS_NONE "dm-1/slaves/dm-0",              "-> ../../dm-0"                                },
    DISKS_NAME("dm-2", "253:2", DISKS_NONE "dm-2"),
    DISKS_QUEUE(DISKS_NONE "dm-2", "0", "none", "write through"),
    { DISKS_NONE "dm-2/dm/name",                  "vg1-data\n"                                   },
    { DISKS_NONE "dm-2/slaves/sda",               "-> ../../../../../" DISKS_SDA                 },
    { DISKS_NONE "dm-2/slaves/nvme0n1",           "-> ../../../../../" DISKS_NVME0 "/nvme0n1"    },

 /* Disks in memory, or not. */
    DISKS_NAME("loop0", "7:0", DISKS_NONE "loop0"),
    DISKS_QUEUE(DISKS_NONE "loop0", "0", "[none]", "write back"),
    { DISKS_NONE "loop0/loop/backing_file",       "/dev/shm/disk.img\n"                          },
    DISKS_NAME("loop1", "7:1", DISKS_NONE "loop1"),
    DISKS_QUEUE(DISKS_NONE "loop1", "1", "[none]", "write back"),
    { DISKS_NONE "loop1/loop/backing_file",       "/srv/disk.img\n"                              },
    DISKS_NAME("zram0", "252:0", DISKS_NONE "zram0"),
    DISKS_QUEUE(DISKS_NONE "zram0", "0", "none", "write back"),
};

#endif
