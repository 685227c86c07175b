#include "bench/beat.h"

static int beat_set(struct plan_item *item, const char *name, const char *text, struct err *e)
{
    return text && *text ? opt_set(item->probe->opts, item->conf, name, text, e) : 0;
}

int beat_apply(const struct beat *b, struct plan *p, struct err *e)
{
    struct plan_item *item = plan_find(p, "net.rtt");
    if (!item)
        return 0;
    return beat_set(item, "interval", b->interval, e) ||
                   beat_set(item, "wire", b->wire ? "yes" : NULL, e)
               ? -1
               : 0;
}
