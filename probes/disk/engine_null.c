#include <stdlib.h>

#include "probes/disk/engine.h"

/* A ring of what was handed over, answered in that order. */
struct null {
    struct engine_done ring[ENGINE_DEPTH_MAX];
    unsigned first, count;
};

static int null_supported(struct err *e)
{
    (void)e;
    return 0;
}

static int null_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    (void)conf;
    en->state = calloc(1, sizeof(struct null));
    return en->state ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for the null engine");
}

static int null_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct null *n = en->state;
    unsigned taken = 0;
    for (; taken < count && n->count < ENGINE_DEPTH_MAX; taken++, n->count++) {
        n->ring[(n->first + n->count) % ENGINE_DEPTH_MAX] =
            (struct engine_done){ .slot = ios[taken].slot, .result = (int32_t)ios[taken].bytes };
    }
    return (int)taken;
}

static int null_reap(struct engine *en, struct engine_done *done, unsigned least, unsigned most,
                     uint64_t timeout_ns)
{
    struct null *n = en->state;
    (void)least;
    (void)timeout_ns;
    unsigned given = 0;
    for (; given < most && n->count > 0; given++, n->count--) {
        done[given] = n->ring[n->first];
        n->first = (n->first + 1) % ENGINE_DEPTH_MAX;
    }
    return (int)given;
}

static void null_close(struct engine *en)
{
    free(en->state);
    en->state = NULL;
}

const struct engine_row engine_null = {
    .name = "null",
    .title = "the null engine, which touches no disk",
    .queues = true,
    .by_name_only = true,
    .supported = null_supported,
    .open = null_open,
    .submit = null_submit,
    .reap = null_reap,
    .close = null_close,
};
