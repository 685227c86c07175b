#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/disk/engine.h"

struct sync {
    struct engine_done done;
    bool full;
};

static int sync_supported(struct err *e)
{
    (void)e;
    return 0;
}

static int sync_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    (void)conf;
    en->state = calloc(1, sizeof(struct sync));
    return en->state ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for plain reads and writes");
}

static ssize_t sync_do(const struct engine *en, const struct engine_io *io)
{
    void *bytes = en->conf.buffers[io->slot];
    ssize_t n = -1;
    do {
        n = io->write ? pwrite(en->conf.fd, bytes, io->bytes, (off_t)io->offset)
                      : pread(en->conf.fd, bytes, io->bytes, (off_t)io->offset);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int sync_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct sync *s = en->state;
    if (count == 0 || s->full)
        return 0;
    ssize_t n = sync_do(en, &ios[0]);
    s->done = (struct engine_done){ .slot = ios[0].slot, .result = n < 0 ? -errno : (int32_t)n };
    s->full = true;
    return 1;
}

static int sync_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                     uint64_t timeout_ns)
{
    struct sync *s = en->state;
    (void)least;
    (void)timeout_ns;
    if (most == 0 || !s->full)
        return 0;
    done[0] = s->done;
    s->full = false;
    return 1;
}

static void sync_close(struct engine *en)
{
    free(en->state);
    en->state = NULL;
}

const struct engine_row engine_sync = {
    .name = "sync",
    .title = "pread and pwrite",
    .queues = false,
    .supported = sync_supported,
    .open = sync_open,
    .submit = sync_submit,
    .reap = sync_reap,
    .close = sync_close,
};
