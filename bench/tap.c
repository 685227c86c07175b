#include "bench/tap.h"

int tap_apply(const struct tap *t, struct plan *p, struct err *e)
{
    struct plan_item *item = plan_find(p, "net.passive");
    if (!item)
        return 0;
    return plan_give(item, "passive", t->interface, e) || plan_give(item, "pcap", t->file, e) ||
                   plan_give(item, "port", t->ports, e) || plan_give(item, "for", t->length, e)
               ? -1
               : 0;
}
