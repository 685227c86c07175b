#include "probes/net/spread.h"

#include <stdlib.h>

int spread_open(struct spread *s, size_t room, struct err *e)
{
    *s = (struct spread){ .items = calloc(room, sizeof *s->items), .room = room };
    return s->items ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for %zu delays", room);
}

void spread_release(struct spread *s)
{
    free(s->items);
    *s = (struct spread){ 0 };
}

void spread_add(struct spread *s, int64_t up_ns, int64_t down_ns)
{
    if (s->count == s->room) {
        s->left_out++;
        return;
    }
    s->items[s->count++] = (struct spread_pair){
        .ns = {up_ns, down_ns}
    };
}

void spread_tell(const struct spread *s, enum spread_way way, struct hist *hist)
{
    int64_t least_ns = INT64_MAX;
    for (size_t i = 0; i < s->count; i++)
        least_ns = s->items[i].ns[way] < least_ns ? s->items[i].ns[way] : least_ns;
    for (size_t i = 0; i < s->count; i++)
        hist_record(hist, (uint64_t)s->items[i].ns[way] - (uint64_t)least_ns);
}
