#include "bench/ground.h"

#include <stdlib.h>
#include <string.h>

int ground_gather(struct ground *g, const struct document *d, const char *place, struct err *e)
{
    *g = (struct ground){ .results = calloc(d->measurement_count + 1, sizeof *g->results) };
    if (!g->results)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to conclude from the results");
    for (unsigned i = 0; i < d->measurement_count; i++) {
        const struct result *r = &d->measurements[i];
        if (!r->place[0] || strcmp(r->place, place) == 0)
            g->results[g->count++] = *r;
    }
    return 0;
}

void ground_release(struct ground *g)
{
    free(g->results);
    *g = (struct ground){ 0 };
}
