#include "bench/beat.h"

int beat_apply(const struct beat *b, struct plan *p, struct err *e)
{
    struct plan_item *item = plan_find(p, "net.rtt");
    if (!item)
        return 0;
    return plan_give(item, "interval", b->interval, e) ||
                   plan_give(item, "wire", b->wire ? "yes" : NULL, e)
               ? -1
               : 0;
}
