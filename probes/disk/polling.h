/*
 * polling: whether completions of a file can be looked for in its device's poll queues (IOPOLL).
 */
#ifndef PROBES_DISK_POLLING_H
#define PROBES_DISK_POLLING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Whether that device, or the disk that it is a partition of, has poll queues; true where the /sys
 * at sys_fd does not say, as for a filesystem on several disks. Asked first, because kernels of
 * before 6.7 or so take a polled I/O for a device without such queues: its completion then comes by
 * interrupt while the program spins, or is never seen. SOURCE: Linux
 * Documentation/ABI/stable/sysfs-block, queue/io_poll; block/blk-core.c of 6.1 (bio_clear_polled)
 * and what a null_blk of no poll queue did there.
 */
bool polling_offered(int sys_fd, dev_t device);

/*
 * Reads bytes from offset 0 in a ring of its own. 0, or -errno: EOPNOTSUPP where the device has no
 * poll queues (it is then not asked at all), EINVAL for a file not opened O_DIRECT. ETIMEDOUT when
 * no answer came; the buffer must then never be freed.
 * SOURCE: io_uring_setup(2), IORING_SETUP_IOPOLL.
 */
int polling_try(int fd, void *buffer, size_t bytes);

#endif
