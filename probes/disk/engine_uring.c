#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "probes/disk/engine.h"
#include "probes/disk/polling.h"
#include "probes/disk/refusal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

/*
 * Each slot has a submission entry of its own, filled once but for the offset; what is submitted
 * are their numbers, through the array of indices between program and kernel. A ring without that
 * array (IORING_SETUP_NO_SQARRAY) would want the entries rewritten each time.
 */
struct uring {
    struct io_uring ring;
    unsigned in_flight;
    bool fixed_file, fixed_buffers, fixed_ring, polled;
    uint8_t opcodes[2]; /* of a read, of a write */
    struct iovec parts[ENGINE_DEPTH_MAX];
};

#define URING_DEFERRED    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define URING_COOPERATIVE (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN)

/* The best first (kernels 6.1, 6.0, 5.19), then for when these are not wanted; kernels that do not
 * know a flag answer EINVAL. SOURCE: io_uring_setup(2). */
static const struct {
    unsigned flags;
    const char *name;
} uring_modes[] = {
    {URING_DEFERRED,              "single issuer, deferred task work"   },
    { URING_COOPERATIVE,          "single issuer, cooperative task work"},
    { IORING_SETUP_COOP_TASKRUN,  "cooperative task work"               },
    { IORING_SETUP_SINGLE_ISSUER, "single issuer"                       },
    { 0,                          "no optional ring feature"            },
};

static bool uring_wanted(unsigned flags, const struct engine_without *without)
{
    return !((flags & IORING_SETUP_SINGLE_ISSUER && without->single_issuer) ||
             (flags & IORING_SETUP_DEFER_TASKRUN && without->deferral) ||
             (flags & IORING_SETUP_COOP_TASKRUN && without->cooperation));
}

/*
 * Not by io_uring_queue_init: since liburing 2.6 it makes rings without the array of indices.
 * io_uring_queue_mmap of liburing 2.5 to 2.14 only maps, so the rest is filled in here.
 * A kernel that cannot wait with a time limit (before 5.11) is answered -ENOTSUP: for its limit
 * liburing would then submit an entry of its own, over that of a slot.
 */
static int uring_make(struct io_uring *ring, unsigned depth, unsigned flags)
{
    struct io_uring_params params = { .flags = flags };
    int fd = io_uring_setup(depth, &params);
    if (fd < 0)
        return fd;
    int status =
        params.features & IORING_FEAT_EXT_ARG ? io_uring_queue_mmap(fd, &params, ring) : -ENOTSUP;
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    ring->flags = params.flags;
    ring->features = params.features;
    ring->ring_fd = fd;
    ring->enter_ring_fd = fd;
    return 0;
}

static int uring_setup(struct io_uring *ring, const struct engine_conf *conf, unsigned flags,
                       const char **mode)
{
    int status = -EINVAL;
    for (size_t i = 0; i < sizeof uring_modes / sizeof uring_modes[0] && status == -EINVAL; i++) {
        if (!uring_wanted(uring_modes[i].flags, &conf->without))
            continue;
        status = uring_make(ring, conf->depth, uring_modes[i].flags | flags);
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
    static const struct engine_conf least = { .depth = 2 };
    struct io_uring ring;
    const char *mode = NULL;
    int status = uring_setup(&ring, &least, 0, &mode);
    if (status < 0)
        return uring_refuse(-status, e);
    io_uring_queue_exit(&ring);
    return 0;
}

/* The rest of the features' sentence. */
static void uring_tell(struct engine *en, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void uring_tell(struct engine *en, const char *format, ...)
{
    size_t used = strlen(en->features);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(en->features + used, sizeof en->features - used, format, args);
    va_end(args);
}

/* why is 1 for "as asked", or -errno; invalid is what EINVAL means of this feature. */
static const char *uring_why(int why, const char *invalid, char *text, size_t size)
{
    static const struct {
        int why;
        const char *text;
    } known[] = {
        {1,            "as asked"                    },
        { -EOPNOTSUPP, "the device has no poll queue"},
        { -ENOMEM,     "the locked memory limit"     },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (why == known[i].why)
            return known[i].text;
    }
    return why == -EINVAL ? invalid : strerror_r(-why, text, size);
}

static void uring_tell_features(struct engine *en, const struct uring *u, const char *mode,
                                const int why[4])
{
    static const struct {
        const char *name, *invalid;
    } known[] = {
        {"registered file",     "not offered by this kernel"},
        { "registered buffers", "not offered by this kernel"},
        { "registered ring",    "not offered by this kernel"},
        { "polled completions", "not offered for this file" },
    };

    const bool used[] = { u->fixed_file, u->fixed_buffers, u->fixed_ring, u->polled };
    const char *before = "; without ";
    char text[64];
    uring_tell(en, "%s", mode);
    for (unsigned i = 0; i < 4; i++) {
        if (used[i])
            uring_tell(en, ", %s", known[i].name);
    }
    for (unsigned i = 0; i < 4; i++) {
        if (used[i])
            continue;
        uring_tell(en, "%s%s (%s)", before, known[i].name,
                   uring_why(why[i], known[i].invalid, text, sizeof text));
        before = ", ";
    }
}

static int uring_try_polling(const struct engine_conf *conf)
{
    if (conf->without.polling)
        return 1;
    return polling_try(conf->fd, conf->buffers[0], conf->buffer_bytes);
}

/* What the kernel does not accept is done without: an I/O then looks up its file or pins its pages.
 */
static void uring_register(struct engine *en, struct uring *u, const char *mode, int polling)
{
    const struct engine_conf *conf = &en->conf;
    const struct engine_without *without = &conf->without;
    int why[4] = { 1, 1, 1, polling };
    for (unsigned i = 0; i < conf->depth; i++)
        u->parts[i] = (struct iovec){ .iov_base = conf->buffers[i], .iov_len = conf->buffer_bytes };
    if (!without->fixed_file)
        why[0] = io_uring_register_files(&u->ring, &conf->fd, 1);
    if (!without->fixed_buffers)
        why[1] = io_uring_register_buffers(&u->ring, u->parts, conf->depth);
    if (!without->fixed_ring)
        why[2] = io_uring_register_ring_fd(&u->ring);
    u->fixed_file = why[0] == 0;
    u->fixed_buffers = why[1] == 0;
    u->fixed_ring = !without->fixed_ring && why[2] == 1; /* it answers how many were registered */
    u->polled = polling == 0;
    uring_tell_features(en, u, mode, why);
}

static void uring_fill(const struct engine *en, struct uring *u)
{
    u->opcodes[0] = u->fixed_buffers ? IORING_OP_READ_FIXED : IORING_OP_READV;
    u->opcodes[1] = u->fixed_buffers ? IORING_OP_WRITE_FIXED : IORING_OP_WRITEV;
    for (unsigned slot = 0; slot < en->conf.depth; slot++) {
        const void *at = u->fixed_buffers ? en->conf.buffers[slot] : (void *)&u->parts[slot];
        struct io_uring_sqe *sqe = &u->ring.sq.sqes[slot];
        *sqe = (struct io_uring_sqe){
            .fd = u->fixed_file ? 0 : en->conf.fd,
            .flags = u->fixed_file ? IOSQE_FIXED_FILE : 0,
            .addr = (uint64_t)(uintptr_t)at,
            .len = 1, /* part; of a registered buffer, the I/O's bytes */
            .buf_index = u->fixed_buffers ? (uint16_t)slot : 0,
            .user_data = slot,
        };
    }
}

static int uring_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    struct uring *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for an io_uring of depth %u", conf->depth);
    const char *mode = NULL;
    int polling = uring_try_polling(conf);
    int status = uring_setup(&u->ring, conf, polling == 0 ? IORING_SETUP_IOPOLL : 0, &mode);
    if (status < 0) {
        free(u);
        return uring_refuse(-status, e);
    }
    en->state = u;
    uring_register(en, u, mode, polling);
    uring_fill(en, u);
    return 0;
}

/* Entries only: reap hands them over and waits in one system call. There is an entry a slot, and an
 * I/O a slot at a time: it is free, and the ring is never full. */
static int uring_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct uring *u = en->state;
    struct io_uring_sq *sq = &u->ring.sq;
    for (unsigned i = 0; i < count; i++) {
        const struct engine_io *io = &ios[i];
        struct io_uring_sqe *sqe = &sq->sqes[io->slot];
        sqe->opcode = u->opcodes[io->write];
        sqe->off = io->offset;
        if (u->fixed_buffers)
            sqe->len = io->bytes;
        else
            u->parts[io->slot].iov_len = io->bytes;
        sq->array[sq->sqe_tail++ & sq->ring_mask] = io->slot;
    }
    u->in_flight += count;
    return (int)count;
}

static unsigned uring_collect(struct uring *u, struct engine_done *done, unsigned most)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        if (count == most)
            break;
        done[count++] = (struct engine_done){ .slot = (uint32_t)io_uring_cqe_get_data64(cqe),
                                              .result = cqe->res };
    }
    io_uring_cq_advance(&u->ring, count);
    u->in_flight -= count;
    return count;
}

/* Neither is an error of what was waited for. */
static bool uring_passing(int status)
{
    return status >= 0 || status == -ETIME || status == -EINTR || status == -EAGAIN;
}

/* The kernel looks into the poll queues once for each call; a wait inside it would have no end. */
static int uring_reap_polled(struct uring *u, struct engine_done *done, unsigned least,
                             unsigned most, uint64_t timeout_ns)
{
    uint64_t began_ns = clk_now_ns();
    unsigned count = 0;
    do {
        int status = io_uring_submit_and_get_events(&u->ring);
        if (!uring_passing(status))
            return status;
        count += uring_collect(u, done + count, most - count);
        if (status == -EINTR)
            break;
    } while (count < least && clk_now_ns() - began_ns < timeout_ns);
    return (int)count;
}

static int uring_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                      uint64_t timeout_ns)
{
    struct uring *u = en->state;
    struct __kernel_timespec limit = { .tv_sec = (long long)(timeout_ns / CLK_NS_PER_S),
                                       .tv_nsec = (long long)(timeout_ns % CLK_NS_PER_S) };
    struct io_uring_cqe *first = NULL;
    if (u->polled)
        return uring_reap_polled(u, done, least, most, timeout_ns);
    int status = least == 0
                     ? io_uring_submit_and_get_events(&u->ring)
                     : io_uring_submit_and_wait_timeout(&u->ring, &first, least, &limit, NULL);
    return uring_passing(status) ? (int)uring_collect(u, done, most) : status;
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
