#include "bench/tap.h"

static int tap_set(struct plan_item *item, const char *name, const char *text, struct err *e)
{
    return text && *text ? opt_set(item->probe->opts, item->conf, name, text, e) : 0;
}

int tap_apply(const struct tap *t, struct plan *p, struct err *e)
{
    struct plan_item *item = plan_find(p, "net.passive");
    if (!item)
        return 0;
    return tap_set(item, "passive", t->interface, e) || tap_set(item, "pcap", t->file, e) ||
                   tap_set(item, "port", t->ports, e) || tap_set(item, "for", t->length, e)
               ? -1
               : 0;
}
