#include "bench/harvest.h"

#include <stdlib.h>

int harvest_open(struct harvest *h, unsigned room, struct err *e)
{
    *h = (struct harvest){ .items = calloc(room + 1, sizeof *h->items), .room = room };
    return h->items ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u results", room);
}

struct result *harvest_add(struct harvest *h)
{
    return h->count < h->room ? &h->items[h->count++] : NULL;
}

void harvest_release(struct harvest *h)
{
    for (unsigned i = 0; i < h->count; i++)
        result_release(&h->items[i]);
    free(h->items);
    *h = (struct harvest){ 0 };
}
