/*
 * polling: whether completions of a file can be looked for in its device's poll queues (IOPOLL).
 */
#ifndef PROBES_DISK_POLLING_H
#define PROBES_DISK_POLLING_H

#include <stddef.h>

/*
 * Reads bytes from offset 0 in a ring of its own. 0, or -errno: EOPNOTSUPP where the device has no
 * poll queues (it is then not asked at all), EINVAL for a file not opened O_DIRECT. ETIMEDOUT when
 * no answer came; the buffer must then never be freed.
 * SOURCE: io_uring_setup(2), IORING_SETUP_IOPOLL; Linux Documentation/ABI/stable/sysfs-block,
 * queue/io_poll.
 */
int polling_try(int fd, void *buffer, size_t bytes);

#endif
