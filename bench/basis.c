#include "bench/basis.h"

#include <stdlib.h>
#include <string.h>

int basis_gather(struct basis *b, const struct document *d, const char *place, struct err *e)
{
    *b = (struct basis){ .results = calloc(d->measurement_count + 1, sizeof *b->results) };
    if (!b->results)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to conclude from the results");
    for (unsigned i = 0; i < d->measurement_count; i++) {
        const struct result *r = &d->measurements[i];
        if (!r->place[0] || strcmp(r->place, place) == 0)
            b->results[b->count++] = *r;
    }
    return 0;
}

void basis_release(struct basis *b)
{
    free(b->results);
    *b = (struct basis){ 0 };
}
