#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/disk/engines.h"

/* The one I/O was done in submit; its answer waits here. */
struct engine_sync {
    struct engine_done done;
    bool waiting;
};

static int engine_sync_supported(struct err *e)
{
    (void)e;
    return 0;
}

static int engine_sync_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    (void)conf;
    en->state = calloc(1, sizeof(struct engine_sync));
    return en->state ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for synchronous I/O");
}

static int engine_sync_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct engine_sync *s = en->state;
    if (s->waiting || count == 0)
        return 0;
    void *buf = en->conf.buffers[ios->slot];
    ssize_t n = ios->write ? pwrite(en->conf.fd, buf, ios->bytes, (off_t)ios->offset)
                           : pread(en->conf.fd, buf, ios->bytes, (off_t)ios->offset);
    s->done = (struct engine_done){ .slot = ios->slot, .result = n < 0 ? -errno : (int32_t)n };
    s->waiting = true;
    return 1;
}

static int engine_sync_reap(struct engine *en, struct engine_done *done, unsigned least,
                            unsigned most, uint64_t timeout_ns)
{
    struct engine_sync *s = en->state;
    (void)least;
    (void)timeout_ns;
    if (!s->waiting || most == 0)
        return 0;
    *done = s->done;
    s->waiting = false;
    return 1;
}

static void engine_sync_close(struct engine *en)
{
    free(en->state);
    en->state = NULL;
}

const struct engine_row engine_sync = {
    .name = "sync",
    .title = "synchronous pread and pwrite",
    .queues = false,
    .supported = engine_sync_supported,
    .open = engine_sync_open,
    .submit = engine_sync_submit,
    .reap = engine_sync_reap,
    .close = engine_sync_close,
};
