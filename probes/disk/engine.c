#include "probes/disk/engine.h"

#include <string.h>

#include "probes/kit/clk.h"

const struct engine_row *const engine_all[] = {
    &engine_uring, &engine_aio, &engine_sync, &engine_null, NULL,
};

enum {
    ENGINE_TRIAL_SECONDS = 10, /* a sleeping disk spins up within that */
};

/* One read, so that a ring that can be set up but not used is found out now. */
static int engine_try(struct engine *en, struct err *e)
{
    struct engine_io io = { .bytes = (uint32_t)en->conf.buffer_bytes };
    struct engine_done done = { 0 };
    int taken = en->row->submit(en, &io, 1);
    if (taken != 1)
        return err_set(e, ERR_IO, taken < 0 ? -taken : 0, "%s does not take a first read",
                       en->row->title);
    uint64_t limit_ns = (uint64_t)ENGINE_TRIAL_SECONDS * CLK_NS_PER_S;
    uint64_t end_ns = clk_now_ns() + limit_ns;
    int n = 0;
    while (n == 0 && clk_now_ns() < end_ns)
        n = en->row->reap(en, &done, 1, 1, limit_ns);
    if (n == 0) {
        en->abandoned = true;
        return err_set(e, ERR_TIMEOUT, 0, "a first read by %s was not answered for %d s",
                       en->row->title, ENGINE_TRIAL_SECONDS);
    }
    int result = n < 0 ? n : done.result;
    if (result < 0)
        return err_set(e, err_kind_of(-result), -result, "a first read by %s", en->row->title);
    return 0;
}

int engine_open(const struct engine_row *row, struct engine *en, const struct engine_conf *conf,
                struct err *e)
{
    *en = (struct engine){ .row = row, .conf = *conf };
    if (row->supported(e))
        return -1;
    if (row->open(en, conf, e) || engine_try(en, e)) {
        engine_close(en);
        return -1;
    }
    return 0;
}

static bool engine_any(const char *name)
{
    return !name || name[0] == '\0' || strcmp(name, "auto") == 0;
}

static bool engine_wanted(const struct engine_row *row, const char *name)
{
    return engine_any(name) ? !row->by_name_only : strcmp(row->name, name) == 0;
}

static void engine_tell(const struct engine *en, const char *name, const struct buf *passed,
                        struct buf *why)
{
    buf_adds(why, en->row->title);
    if (en->features[0])
        buf_addf(why, " with %s", en->features);
    if (!engine_any(name))
        buf_adds(why, ", as asked");
    if (passed->size)
        buf_addf(why, ", because %s", buf_text(passed));
}

int engine_choose_from(const struct engine_row *const *rows, struct engine *en, const char *name,
                       const struct engine_conf *conf, struct buf *why, struct err *e)
{
    struct buf passed = { .cap = ERR_MSG_BYTES };
    struct err reason = { 0 };
    *en = (struct engine){ 0 };
    for (; *rows; rows++) {
        if (!engine_wanted(*rows, name))
            continue;
        if (!engine_open(*rows, en, conf, &reason)) {
            engine_tell(en, name, &passed, why);
            buf_release(&passed);
            return 0;
        }
        if (en->abandoned) {
            buf_release(&passed);
            *e = reason;
            return -1;
        }
        buf_addf(&passed, "%s%s", passed.size ? "; and because " : "", reason.msg);
    }
    *en = (struct engine){ 0 };
    if (reason.kind == ERR_NONE)
        (void)err_set(e, ERR_USAGE, 0, "there is no I/O engine '%s'", name ? name : "");
    else
        (void)err_set(e, reason.kind, 0, "no I/O engine works: %s", buf_text(&passed));
    e->sys = reason.sys;
    buf_release(&passed);
    return -1;
}

int engine_choose(struct engine *en, const char *name, const struct engine_conf *conf,
                  struct buf *why, struct err *e)
{
    return engine_choose_from(engine_all, en, name, conf, why, e);
}

void engine_close(struct engine *en)
{
    if (en->row && en->state && !en->abandoned)
        en->row->close(en);
    en->state = NULL;
    en->row = NULL;
}
