#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "probes/disk/engine.h"
#include "probes/disk/refusal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

struct uring {
    struct io_uring ring;
    unsigned in_flight;
    bool fixed_file;
    bool fixed_buffers;
    struct iovec parts[ENGINE_DEPTH_MAX];
};

/* The best first (kernels 6.1, 5.19, any); those that do not know a flag answer EINVAL. */
static const struct {
    unsigned flags;
    const char *name;
} uring_modes[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "deferred task work"      },
    { IORING_SETUP_COOP_TASKRUN,                              "cooperative task work"   },
    { 0,                                                      "no optional ring feature"},
};

static int uring_setup(struct io_uring *ring, unsigned entries, const char **mode)
{
    int status = -EINVAL;
    for (size_t i = 0; i < sizeof uring_modes / sizeof uring_modes[0] && status == -EINVAL; i++) {
        status = io_uring_queue_init(entries, ring, uring_modes[i].flags);
        *mode = uring_modes[i].name;
    }
    return status;
}

static int uring_refuse(int sys, struct err *e)
{
    AUTO_CLOSE int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return refusal_of_uring(sys, proc_fd, e);
}

static int uring_supported(struct err *e)
{
    struct io_uring ring;
    const char *mode = NULL;
    int status = uring_setup(&ring, 2, &mode);
    if (status < 0)
        return uring_refuse(-status, e);
    io_uring_queue_exit(&ring);
    return 0;
}

/* What the kernel does not accept is done without: an I/O then looks up its file or pins its pages.
 */
static void uring_register(struct engine *en, struct uring *u, const char *mode)
{
    unsigned depth = en->conf.depth;
    for (unsigned i = 0; i < depth; i++)
        u->parts[i] =
            (struct iovec){ .iov_base = en->conf.buffers[i], .iov_len = en->conf.buffer_bytes };
    u->fixed_file = io_uring_register_files(&u->ring, &en->conf.fd, 1) == 0;
    u->fixed_buffers = io_uring_register_buffers(&u->ring, u->parts, depth) == 0;
    (void)snprintf(en->features, sizeof en->features, "%s, %s file and %s buffers", mode,
                   u->fixed_file ? "registered" : "unregistered",
                   u->fixed_buffers ? "registered" : "unregistered");
}

static int uring_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    struct uring *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for an io_uring of depth %u", conf->depth);
    const char *mode = NULL;
    int status = uring_setup(&u->ring, conf->depth, &mode);
    if (status < 0) {
        free(u);
        return uring_refuse(-status, e);
    }
    en->state = u;
    uring_register(en, u, mode);
    return 0;
}

static void uring_prepare(const struct engine *en, struct uring *u, struct io_uring_sqe *sqe,
                          const struct engine_io *io)
{
    int fd = u->fixed_file ? 0 : en->conf.fd;
    void *bytes = en->conf.buffers[io->slot];
    struct iovec *part = &u->parts[io->slot];
    part->iov_len = io->bytes;
    if (u->fixed_buffers && io->write)
        io_uring_prep_write_fixed(sqe, fd, bytes, io->bytes, io->offset, (int)io->slot);
    else if (u->fixed_buffers)
        io_uring_prep_read_fixed(sqe, fd, bytes, io->bytes, io->offset, (int)io->slot);
    else if (io->write)
        io_uring_prep_writev(sqe, fd, part, 1, io->offset);
    else
        io_uring_prep_readv(sqe, fd, part, 1, io->offset);
    if (u->fixed_file)
        io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, io->slot);
}

/* Entries only: reap hands them over and waits in one system call. */
static int uring_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct uring *u = en->state;
    unsigned taken = 0;
    for (; taken < count; taken++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
        if (!sqe)
            break;
        uring_prepare(en, u, sqe, &ios[taken]);
    }
    u->in_flight += taken;
    return (int)taken;
}

static int uring_collect(struct uring *u, struct engine_done *done, unsigned most)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned seen = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        if (count == most)
            break;
        seen++;
        uint64_t slot = io_uring_cqe_get_data64(cqe);
        if (slot >= ENGINE_DEPTH_MAX) /* liburing's own time-out, on kernels before 5.11 */
            continue;
        done[count++] = (struct engine_done){ .slot = (uint32_t)slot, .result = cqe->res };
    }
    io_uring_cq_advance(&u->ring, seen);
    u->in_flight -= count;
    return (int)count;
}

static int uring_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                      uint64_t timeout_ns)
{
    struct uring *u = en->state;
    struct __kernel_timespec limit = { .tv_sec = (long long)(timeout_ns / CLK_NS_PER_S),
                                       .tv_nsec = (long long)(timeout_ns % CLK_NS_PER_S) };
    struct io_uring_cqe *first = NULL;
    int status = least == 0
                     ? io_uring_submit_and_get_events(&u->ring)
                     : io_uring_submit_and_wait_timeout(&u->ring, &first, least, &limit, NULL);
    if (status < 0 && status != -ETIME && status != -EINTR && status != -EAGAIN)
        return status;
    return uring_collect(u, done, most);
}

static void uring_close(struct engine *en)
{
    struct uring *u = en->state;
    struct engine_done done[16];
    while (u->in_flight > 0 && uring_reap(en, done, 1, 16, CLK_NS_PER_S) >= 0) {
    }
    io_uring_queue_exit(&u->ring);
    free(u);
    en->state = NULL;
}

const struct engine_row engine_uring = {
    .name = "uring",
    .title = "io_uring",
    .queues = true,
    .supported = uring_supported,
    .open = uring_open,
    .submit = uring_submit,
    .reap = uring_reap,
    .close = uring_close,
};
