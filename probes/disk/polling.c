#include "probes/disk/polling.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <liburing.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

#define POLLING_LIMIT_NS (10 * (uint64_t)CLK_NS_PER_S) /* a sleeping disk spins up within that */

bool polling_offered(int sys_fd, dev_t device)
{
    static const char *const below[] = { "", "../" };
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        char path[64];
        char line[8];
        struct err ignored;
        (void)snprintf(path, sizeof path, "dev/block/%u:%u/%squeue/io_poll", major(device),
                       minor(device), below[i]);
        if (!file_line_at(sys_fd, path, line, sizeof line, &ignored))
            return line[0] != '0';
    }
    return true;
}

static bool polling_offered_for(int fd)
{
    struct stat st;
    AUTO_CLOSE int sys_fd = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return sys_fd < 0 || fstat(fd, &st) || polling_offered(sys_fd, st.st_dev);
}

/* A polled ring cannot wait with a time limit, so it is asked again and again. */
static int polling_answer(struct io_uring *ring)
{
    struct io_uring_cqe *cqe = NULL;
    int status = io_uring_submit(ring);
    if (status < 0)
        return status;
    uint64_t end_ns = clk_now_ns() + POLLING_LIMIT_NS;
    while (io_uring_peek_cqe(ring, &cqe) != 0) {
        if (clk_now_ns() > end_ns)
            return -ETIMEDOUT;
        status = io_uring_get_events(ring);
        if (status < 0 && status != -EINTR && status != -EAGAIN)
            return status;
    }
    return cqe->res < 0 ? cqe->res : 0;
}

int polling_try(int fd, void *buffer, size_t bytes)
{
    struct io_uring ring;
    struct iovec part = { .iov_base = buffer, .iov_len = bytes };
    if (!(fcntl(fd, F_GETFL) & O_DIRECT))
        return -EINVAL;
    if (!polling_offered_for(fd))
        return -EOPNOTSUPP;
    int status = io_uring_queue_init(2, &ring, IORING_SETUP_IOPOLL);
    if (status < 0)
        return status;
    io_uring_prep_readv(io_uring_get_sqe(&ring), fd, &part, 1, 0);
    status = polling_answer(&ring);
    if (status != -ETIMEDOUT) /* else the kernel still holds the buffer: the ring is left behind */
        io_uring_queue_exit(&ring);
    return status;
}
