#include "probes/image/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <liburing.h>

enum {
    CHAIN_OPEN,
    CHAIN_WRITE,
    CHAIN_CLOSE,
    CHAIN_STEPS
};

struct chain {
    struct io_uring ring;
    unsigned pending; /* steps that were not answered */
    bool is_used;
    pthread_t user; /* the last one */
};

static int chain_setup(struct io_uring *ring)
{
    unsigned workers[] = { 1, 0 }; /* for files; 0: as it is */
    int status = io_uring_queue_init(CHAIN_FILES * CHAIN_STEPS, ring, IORING_SETUP_COOP_TASKRUN);
    if (status)
        return status;
    status = io_uring_register_files_sparse(ring, CHAIN_FILES);
    if (status == 0)
        status = io_uring_register_iowq_max_workers(ring, workers);
    if (status)
        io_uring_queue_exit(ring);
    return status;
}

struct chain *chain_open(struct err *e)
{
    struct chain *c = calloc(1, sizeof *c);
    if (!c) {
        (void)err_set(e, ERR_NO_RESOURCE, 0, "no memory for a ring");
        return NULL;
    }
    int status = chain_setup(&c->ring);
    if (status == 0)
        return c;
    free(c);
    (void)err_set(e, status == -EINVAL ? ERR_UNSUPPORTED : err_kind_of(-status), -status,
                  "set up io_uring with descriptors of its own (Linux 5.19)");
    return NULL;
}

void chain_close(struct chain *c)
{
    if (!c)
        return;
    io_uring_queue_exit(&c->ring);
    free(c);
}

/* What every step has, after it was prepared. */
static void chain_link(struct chain *c, struct io_uring_sqe *sqe, unsigned number, unsigned step,
                       unsigned flags)
{
    sqe->flags |= (uint8_t)flags;
    io_uring_sqe_set_data64(sqe, (uint64_t)number * CHAIN_STEPS + step);
    c->pending++;
}

/* A write that failed is followed by the close all the same. The ring has room for all. */
static void chain_add(struct chain *c, const struct chain_file *f, unsigned number)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&c->ring);
    io_uring_prep_openat_direct(sqe, f->dir_fd, f->name, flags, f->mode, number);
    chain_link(c, sqe, number, CHAIN_OPEN, IOSQE_IO_LINK);
    if (f->size > 0) {
        sqe = io_uring_get_sqe(&c->ring);
        io_uring_prep_write(sqe, (int)number, f->bytes, (unsigned)f->size, 0);
        chain_link(c, sqe, number, CHAIN_WRITE, IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK);
    }
    sqe = io_uring_get_sqe(&c->ring);
    io_uring_prep_close_direct(sqe, number);
    chain_link(c, sqe, number, CHAIN_CLOSE, 0);
}

static void chain_take(struct chain *c, struct chain_file *files, const struct io_uring_cqe *cqe)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    struct chain_file *f = &files[data / CHAIN_STEPS];
    bool is_write = data % CHAIN_STEPS == CHAIN_WRITE;
    if (cqe->res < 0 || (is_write && (size_t)cqe->res != f->size))
        f->is_made = false;
    c->pending--;
}

static void chain_take_all(struct chain *c, struct chain_file *files)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_for_each_cqe(&c->ring, head, cqe)
    {
        chain_take(c, files, cqe);
        taken++;
    }
    io_uring_cq_advance(&c->ring, taken);
}

/* The kernel knows of a thread's worker only when the thread has used a ring. */
static int chain_meet(struct chain *c)
{
    struct io_uring_cqe *cqe = NULL;
    io_uring_prep_nop(io_uring_get_sqe(&c->ring));
    int status = io_uring_submit_and_wait(&c->ring, 1);
    if (status < 0 || io_uring_peek_cqe(&c->ring, &cqe))
        return -1;
    io_uring_cqe_seen(&c->ring, cqe);
    return 0;
}

/* The worker is made where the thread is, and stays there. That it cannot be is no failure. */
static void chain_settle(struct chain *c)
{
    cpu_set_t here;
    int cpu = sched_getcpu();
    if (c->is_used && pthread_equal(c->user, pthread_self()))
        return;
    c->user = pthread_self();
    c->is_used = true;
    CPU_ZERO(&here);
    if (cpu < 0 || cpu >= CPU_SETSIZE || chain_meet(c))
        return;
    CPU_SET((unsigned)cpu, &here);
    (void)io_uring_register_iowq_aff(&c->ring, sizeof here, &here);
}

int chain_make(struct chain *c, struct chain_file *files, unsigned count, struct err *e)
{
    if (count > 0)
        chain_settle(c);
    for (unsigned i = 0; i < count; i++) {
        files[i].is_made = true;
        chain_add(c, &files[i], i);
    }
    while (c->pending > 0) {
        int status = io_uring_submit_and_wait(&c->ring, c->pending);
        if (status < 0 && status != -EINTR)
            return err_set(e, err_kind_of(-status), -status, "create files through io_uring");
        chain_take_all(c, files);
    }
    return 0;
}
