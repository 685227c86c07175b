#include "probes/net/bucket.h"

#include <stdlib.h>

struct bucket_place {
    struct origin who;
    uint64_t full_ns; /* when the bucket is full again; in the past: it is full */
};

int bucket_open(struct bucket *b, uint64_t rate, struct origin_seed seed, struct err *e)
{
    *b = (struct bucket){ .seed = seed };
    if (rate == 0)
        return 0;
    if (rate > BUCKET_RATE_MAX)
        return err_set(e, ERR_USAGE, 0, "a rate above %d packets/s", BUCKET_RATE_MAX);
    b->places = calloc((size_t)BUCKET_SETS * BUCKET_WAYS, sizeof *b->places);
    if (!b->places)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for the table of sources");
    b->each_ns = CLK_NS_PER_S / rate;
    b->depth_ns = b->each_ns * BUCKET_DEPTH_MIN;
    if (b->depth_ns < BUCKET_DEPTH_NS)
        b->depth_ns = BUCKET_DEPTH_NS;
    return 0;
}

void bucket_release(struct bucket *b)
{
    free(b->places);
    b->places = NULL;
}

/* Its place, or the one of the source that owes least. */
static struct bucket_place *place_of(struct bucket *b, struct origin who, uint64_t now_ns)
{
    uint64_t hash = origin_hash(b->seed, who, 0);
    struct bucket_place *set = b->places + (hash & (BUCKET_SETS - 1)) * BUCKET_WAYS;
    struct bucket_place *least = set;
    for (struct bucket_place *p = set; p < set + BUCKET_WAYS; p++) {
        if (origin_same(p->who, who))
            return p;
        if (p->full_ns < least->full_ns)
            least = p;
    }
    if (least->full_ns > now_ns)
        b->pushed_out++;
    *least = (struct bucket_place){ .who = who };
    return least;
}

bool bucket_take(struct bucket *b, struct origin who, uint64_t now_ns)
{
    if (!b->places)
        return true;
    struct bucket_place *p = place_of(b, who, now_ns);
    uint64_t full_ns = (p->full_ns > now_ns ? p->full_ns : now_ns) + b->each_ns;
    if (full_ns - now_ns > b->depth_ns)
        return false;
    p->full_ns = full_ns;
    return true;
}
