#include "probes/disk/engine.h"

#include <string.h>

#include "probes/disk/engines.h"
#include "probes/kit/auto.h"

const struct engine_row *const engine_all[] = { &engine_uring, &engine_aio, &engine_sync,
                                                &engine_null, NULL };

/* null measures us, not the disk: only by name. */
static bool engine_wanted(const struct engine_row *row, const char *name)
{
    if (!*name || strcmp(name, "auto") == 0)
        return row != &engine_null;
    return strcmp(row->name, name) == 0;
}

static int engine_try(struct engine *en, const struct engine_row *row,
                      const struct engine_conf *conf, struct err *e)
{
    *en = (struct engine){ .row = row, .conf = *conf };
    if (!row->queues)
        en->conf.depth = 1;
    if (row->supported(e) || row->open(en, &en->conf, e)) {
        engine_close(en);
        return -1;
    }
    return 0;
}

int engine_choose(struct engine *en, const char *name, const struct engine_conf *conf,
                  struct buf *why, struct err *e)
{
    AUTO(buf) struct buf passed = { 0 };
    struct err last = { .kind = ERR_USAGE, .msg = "no engine of that name" };
    for (unsigned i = 0; engine_all[i]; i++) {
        const struct engine_row *row = engine_all[i];
        if (!engine_wanted(row, name))
            continue;
        if (!engine_try(en, row, conf, &last)) {
            buf_addf(why, "I/O by %s%s%s%s", row->title, *en->features ? " with " : "",
                     en->features, buf_text(&passed));
            return 0;
        }
        buf_addf(&passed, "; not by %s: %s", row->title, last.msg);
    }
    *e = last;
    return err_wrap(e, "no I/O engine works here");
}

void engine_close(struct engine *en)
{
    if (en->row)
        en->row->close(en);
    *en = (struct engine){ 0 };
}
