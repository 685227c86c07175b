/*
 * bucket: how many packets a second each source may have answered: a token bucket for each, in a
 * table of fixed size.
 *
 * A full bucket holds BUCKET_DEPTH_NS of the rate. When the table has no room, a new source takes
 * the place of the one whose bucket is fullest: forged sources that send little push out one
 * another, and never one that is in debt. A source that was pushed out comes back with a full
 * bucket, so that no flood locks out a peer; nor does a flood of sources cost memory. The hash is
 * seeded, so that nobody can aim at another's place. Time is an argument. Not thread-safe.
 * SOURCE: ITU-T I.371 annex A (the virtual scheduling form of the token bucket).
 */
#ifndef PROBES_NET_BUCKET_H
#define PROBES_NET_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/kit/clk.h"
#include "probes/kit/err.h"
#include "probes/net/origin.h"

enum {
    BUCKET_SETS = 8192, /* a power of two */
    BUCKET_WAYS = 8,    /* 65,536 sources of 24 octets: 1.5 MiB */
    BUCKET_DEPTH_NS = 100 * CLK_NS_PER_MS,
    BUCKET_DEPTH_MIN = 32,       /* packets, whatever the rate: a burst of a sender that was late */
    BUCKET_RATE_MAX = 100000000, /* packets a second */
};

struct bucket_place;

struct bucket {
    struct bucket_place *places; /* owned; NULL: no limit */
    struct origin_seed seed;
    uint64_t each_ns, depth_ns;
    uint64_t pushed_out; /* sources in debt that had to make room */
};

/* rate: packets a second, 0 for no limit, at most BUCKET_RATE_MAX. ERR_NO_RESOURCE. */
int bucket_open(struct bucket *b, uint64_t rate, struct origin_seed seed, struct err *e);
void bucket_release(struct bucket *b); /* idempotent */
/* Whether one more packet of that source may pass now; if so it is counted. */
bool bucket_take(struct bucket *b, struct origin who, uint64_t now_ns);

#endif
