#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "probes/disk/engines.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

struct engine_uring {
    struct io_uring ring;
    bool fixed_file;
    bool fixed_buffers;
    unsigned in_flight;
};

/* Ring flags from the best to the plainest; an old kernel refuses the first ones. */
static const struct {
    unsigned flags;
    const char *name;
} engine_uring_flags[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "deferred task work, "   },
    { IORING_SETUP_COOP_TASKRUN,                              "cooperative task work, "},
    { 0,                                                      ""                       },
};

static int engine_uring_supported(struct err *e)
{
    struct io_uring ring;
    uint64_t disabled = 0;
    struct err ignored;
    int failed = io_uring_queue_init(1, &ring, 0);
    if (!failed) {
        io_uring_queue_exit(&ring);
        return 0;
    }
    if (!file_u64_at(AT_FDCWD, "/proc/sys/kernel/io_uring_disabled", &disabled, &ignored) &&
        disabled)
        return err_set(e, ERR_UNSUPPORTED, 0, "io_uring is disabled by kernel.io_uring_disabled=%d",
                       (int)disabled);
    if (failed == -ENOSYS)
        return err_set(e, ERR_UNSUPPORTED, 0, "this kernel has no io_uring (5.1 brought it)");
    return err_set(e, ERR_UNSUPPORTED, -failed, "set up an io_uring");
}

static int engine_uring_init(struct engine *en, struct engine_uring *u, unsigned depth,
                             struct err *e)
{
    int failed = -EINVAL;
    for (size_t i = 0; i < sizeof engine_uring_flags / sizeof engine_uring_flags[0]; i++) {
        failed = io_uring_queue_init(depth, &u->ring, engine_uring_flags[i].flags);
        if (!failed) {
            (void)snprintf(en->features, sizeof en->features, "%s", engine_uring_flags[i].name);
            return 0;
        }
    }
    return err_set(e, err_kind_of(-failed), -failed, "set up an io_uring of depth %u", depth);
}

static void engine_uring_register(struct engine *en, struct engine_uring *u)
{
    struct iovec iov[ENGINE_DEPTH_MAX];
    for (unsigned i = 0; i < en->conf.depth; i++)
        iov[i] = (struct iovec){ en->conf.buffers[i], en->conf.buffer_bytes };
    u->fixed_file = io_uring_register_files(&u->ring, &en->conf.fd, 1) == 0;
    u->fixed_buffers = io_uring_register_buffers(&u->ring, iov, en->conf.depth) == 0;
    size_t used = strlen(en->features);
    (void)snprintf(en->features + used, sizeof en->features - used, "%s file, %s buffers",
                   u->fixed_file ? "registered" : "plain",
                   u->fixed_buffers ? "registered" : "plain");
}

static int engine_uring_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    struct engine_uring *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for an io_uring");
    if (engine_uring_init(en, u, conf->depth, e)) {
        free(u);
        return -1;
    }
    en->state = u;
    engine_uring_register(en, u);
    return 0;
}

static void engine_uring_prepare(struct engine *en, struct engine_uring *u,
                                 struct io_uring_sqe *sqe, const struct engine_io *io)
{
    int fd = u->fixed_file ? 0 : en->conf.fd;
    void *buf = en->conf.buffers[io->slot];
    if (u->fixed_buffers && io->write)
        io_uring_prep_write_fixed(sqe, fd, buf, io->bytes, io->offset, (int)io->slot);
    else if (u->fixed_buffers)
        io_uring_prep_read_fixed(sqe, fd, buf, io->bytes, io->offset, (int)io->slot);
    else if (io->write)
        io_uring_prep_write(sqe, fd, buf, io->bytes, io->offset);
    else
        io_uring_prep_read(sqe, fd, buf, io->bytes, io->offset);
    if (u->fixed_file)
        io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, io->slot);
}

static int engine_uring_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct engine_uring *u = en->state;
    unsigned queued = 0;
    while (queued < count) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
        if (!sqe)
            break;
        engine_uring_prepare(en, u, sqe, &ios[queued++]);
    }
    int taken = io_uring_submit(&u->ring);
    if (taken < 0)
        return taken;
    u->in_flight += (unsigned)taken;
    return taken;
}

static unsigned engine_uring_drain(struct engine_uring *u, struct engine_done *done, unsigned most)
{
    struct io_uring_cqe *cqes[ENGINE_DEPTH_MAX];
    unsigned count = io_uring_peek_batch_cqe(&u->ring, cqes, most);
    for (unsigned i = 0; i < count; i++) {
        done[i] = (struct engine_done){ .slot = (uint32_t)io_uring_cqe_get_data64(cqes[i]),
                                        .result = cqes[i]->res };
    }
    io_uring_cq_advance(&u->ring, count);
    u->in_flight -= count;
    return count;
}

static int engine_uring_reap(struct engine *en, struct engine_done *done, unsigned least,
                             unsigned most, uint64_t timeout_ns)
{
    struct engine_uring *u = en->state;
    struct io_uring_cqe *first;
    most = most > ENGINE_DEPTH_MAX ? ENGINE_DEPTH_MAX : most;
    unsigned count = engine_uring_drain(u, done, most);
    if (count >= least)
        return (int)count;
    struct __kernel_timespec limit = { .tv_sec = (int64_t)(timeout_ns / CLK_NS_PER_S),
                                       .tv_nsec = (long long)(timeout_ns % CLK_NS_PER_S) };
    int failed = io_uring_wait_cqes(&u->ring, &first, least - count, &limit, NULL);
    if (failed && failed != -ETIME && failed != -EINTR)
        return failed;
    return (int)(count + engine_uring_drain(u, done + count, most - count));
}

static void engine_uring_close(struct engine *en)
{
    struct engine_uring *u = en->state;
    struct engine_done done[ENGINE_DEPTH_MAX];
    if (!u)
        return;
    while (u->in_flight > 0 &&
           engine_uring_reap(en, done, 1, ENGINE_DEPTH_MAX, 10 * (uint64_t)CLK_NS_PER_S) > 0)
        continue;
    io_uring_queue_exit(&u->ring);
    free(u);
    en->state = NULL;
}

const struct engine_row engine_uring = {
    .name = "uring",
    .title = "io_uring",
    .queues = true,
    .supported = engine_uring_supported,
    .open = engine_uring_open,
    .submit = engine_uring_submit,
    .reap = engine_uring_reap,
    .close = engine_uring_close,
};
