#include "bench/vigil.h"

int vigil_apply(const struct vigil *v, struct plan *p, struct err *e)
{
    struct plan_item *item = plan_find(p, "noise.gap");
    return item ? plan_give(item, "spin", v->spin, e) : 0;
}
