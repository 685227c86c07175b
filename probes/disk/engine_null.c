#include <stdlib.h>

#include "probes/disk/engines.h"

/* A ring of slots that were handed over: each is complete as soon as it is asked for. */
struct engine_null {
    struct engine_done ring[ENGINE_DEPTH_MAX];
    unsigned head, count;
};

static int engine_null_supported(struct err *e)
{
    (void)e;
    return 0;
}

static int engine_null_open(struct engine *en, const struct engine_conf *conf, struct err *e)
{
    (void)conf;
    en->state = calloc(1, sizeof(struct engine_null));
    return en->state ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for the null engine");
}

static int engine_null_submit(struct engine *en, const struct engine_io *ios, unsigned count)
{
    struct engine_null *n = en->state;
    unsigned taken = 0;
    for (; taken < count && n->count < ENGINE_DEPTH_MAX; taken++, n->count++) {
        n->ring[(n->head + n->count) % ENGINE_DEPTH_MAX] =
            (struct engine_done){ .slot = ios[taken].slot, .result = (int32_t)ios[taken].bytes };
    }
    return (int)taken;
}

static int engine_null_reap(struct engine *en, struct engine_done *done, unsigned least,
                            unsigned most, uint64_t timeout_ns)
{
    struct engine_null *n = en->state;
    unsigned given = 0;
    (void)least;
    (void)timeout_ns;
    for (; given < most && n->count > 0; given++, n->count--) {
        done[given] = n->ring[n->head];
        n->head = (n->head + 1) % ENGINE_DEPTH_MAX;
    }
    return (int)given;
}

static void engine_null_close(struct engine *en)
{
    free(en->state);
    en->state = NULL;
}

const struct engine_row engine_null = {
    .name = "null",
    .title = "nothing (the null engine: what remains is our own cost)",
    .queues = true,
    .supported = engine_null_supported,
    .open = engine_null_open,
    .submit = engine_null_submit,
    .reap = engine_null_reap,
    .close = engine_null_close,
};
