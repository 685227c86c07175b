#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <libaio.h>

#include "probes/disk/engine.h"
#include "probes/disk/refusal.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

struct aio {
    io_context_t context;
    struct iocb controls[ENGINE_DEPTH_MAX]; /* by slot */
    struct io_event events[ENGINE_DEPTH_MAX];
};

static int aio_refuse(int sys, struct err *e)
{
    AUTO_CLOSE int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return refusal_of_aio(sys, proc_fd, e);
}

static int aio_supported(struct err *e)
{
    io_context_t context = NULL;
    int status = io_setup(1, &context);
    if (status < 0)
        return aio_refuse(-status, e);
    (void)io_destroy(context);
    return 0;
}

static int aio_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    struct aio *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for libaio at depth %u", conf->depth);
    int status = io_setup((int)conf->depth, &a->context);
    if (status < 0) {
        free(a);
        return aio_refuse(-status, e);
    }
    en->state = a;
    return 0;
}

static int aio_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct aio *a = en->state;
    struct iocb *batch[ENGINE_DEPTH_MAX];
    for (unsigned i = 0; i < count; i++) {
        const struct engine_io *io = &ios[i];
        struct iocb *control = &a->controls[io->slot];
        void *bytes = en->conf.buffers[io->slot];
        if (io->write)
            io_prep_pwrite(control, en->conf.fd, bytes, io->bytes, (long long)io->offset);
        else
            io_prep_pread(control, en->conf.fd, bytes, io->bytes, (long long)io->offset);
        batch[i] = control;
    }
    return io_submit(a->context, (long)count, batch);
}

static int aio_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                    uint64_t timeout_ns)
{
    struct aio *a = en->state;
    struct timespec limit = clk_timespec(least == 0 ? 0 : timeout_ns);
    int n = io_getevents(a->context, (long)least, (long)most, a->events, &limit);
    for (int i = 0; i < n; i++) {
        const struct io_event *event = &a->events[i];
        done[i] = (struct engine_done){ .slot = (uint32_t)(event->obj - a->controls),
                                        .result = (int32_t)(long)event->res };
    }
    return n == -EINTR ? 0 : n;
}

static void aio_close(struct engine *en)
{
    struct aio *a = en->state;
    (void)io_destroy(a->context); /* waits for what is in flight */
    free(a);
    en->state = NULL;
}

const struct engine_row engine_aio = {
    .name = "aio",
    .title = "libaio",
    .queues = true,
    .supported = aio_supported,
    .open = aio_open,
    .submit = aio_submit,
    .reap = aio_reap,
    .close = aio_close,
};
