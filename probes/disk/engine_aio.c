#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <libaio.h>

#include "probes/disk/engines.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

struct engine_aio {
    io_context_t context;
    struct iocb blocks[ENGINE_DEPTH_MAX];
    unsigned in_flight;
};

static int engine_aio_refuse(int failed, struct err *e)
{
    uint64_t used = 0;
    uint64_t max = 0;
    struct err ignored;
    if (failed == -EAGAIN && !file_u64_at(AT_FDCWD, "/proc/sys/fs/aio-nr", &used, &ignored) &&
        !file_u64_at(AT_FDCWD, "/proc/sys/fs/aio-max-nr", &max, &ignored))
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "libaio is exhausted: %llu of fs.aio-max-nr=%llu events are taken; raise it "
                       "with sysctl",
                       (unsigned long long)used, (unsigned long long)max);
    return err_set(e, ERR_UNSUPPORTED, -failed, "set up libaio");
}

static int engine_aio_supported(struct err *e)
{
    io_context_t context = NULL;
    int failed = io_setup(1, &context);
    if (failed)
        return engine_aio_refuse(failed, e);
    (void)io_destroy(context);
    return 0;
}

static int engine_aio_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    struct engine_aio *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for libaio");
    int failed = io_setup((int)conf->depth, &a->context);
    if (failed) {
        free(a);
        return engine_aio_refuse(failed, e);
    }
    en->state = a;
    return 0;
}

static int engine_aio_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct engine_aio *a = en->state;
    struct iocb *list[ENGINE_DEPTH_MAX];
    for (unsigned i = 0; i < count; i++) {
        const struct engine_io *io = &ios[i];
        struct iocb *block = &a->blocks[io->slot];
        void *buf = en->conf.buffers[io->slot];
        if (io->write)
            io_prep_pwrite(block, en->conf.fd, buf, io->bytes, (long long)io->offset);
        else
            io_prep_pread(block, en->conf.fd, buf, io->bytes, (long long)io->offset);
        list[i] = block;
    }
    int taken = io_submit(a->context, (long)count, list);
    if (taken > 0)
        a->in_flight += (unsigned)taken;
    return taken;
}

static int engine_aio_reap(struct engine *en, struct engine_done *done, unsigned least,
                           unsigned most, uint64_t timeout_ns)
{
    struct engine_aio *a = en->state;
    struct io_event events[ENGINE_DEPTH_MAX];
    struct timespec limit = clk_timespec(timeout_ns);
    most = most > ENGINE_DEPTH_MAX ? ENGINE_DEPTH_MAX : most;
    int count = io_getevents(a->context, (long)least, (long)most, events, &limit);
    if (count < 0)
        return count == -EINTR ? 0 : count;
    for (int i = 0; i < count; i++) {
        done[i] = (struct engine_done){ .slot = (uint32_t)(events[i].obj - a->blocks),
                                        .result = (int32_t)(long)events[i].res };
    }
    a->in_flight -= (unsigned)count;
    return count;
}

static void engine_aio_close(struct engine *en)
{
    struct engine_aio *a = en->state;
    if (!a)
        return;
    (void)io_destroy(a->context); /* waits for what is in flight */
    free(a);
    en->state = NULL;
}

const struct engine_row engine_aio = {
    .name = "aio",
    .title = "libaio",
    .queues = true,
    .supported = engine_aio_supported,
    .open = engine_aio_open,
    .submit = engine_aio_submit,
    .reap = engine_aio_reap,
    .close = engine_aio_close,
};
