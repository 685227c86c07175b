#include "probes/disk/slow.h"

#include <inttypes.h>
#include <stdlib.h>

#include "probes/kit/clk.h"
#include "probes/kit/units.h"

#define SLOW_HEARTBEAT_NS (100 * (uint64_t)CLK_NS_PER_MS) /* etcd's interval */

enum {
    SLOW_TAIL_SAMPLES = 1000, /* from here on p99 tells what is slow for this disk */
    SLOW_TAIL_FACTOR = 10     /* times p99 */
};

uint64_t slow_from_ns(const struct hist *seen)
{
    if (seen->total < SLOW_TAIL_SAMPLES)
        return SLOW_HEARTBEAT_NS;
    uint64_t tail_ns = SLOW_TAIL_FACTOR * hist_quantile(seen, 0.99);
    return tail_ns < SLOW_HEARTBEAT_NS ? tail_ns : SLOW_HEARTBEAT_NS;
}

void slow_keep(struct slow *s, const struct slow_append *append)
{
    s->total++;
    if (s->count < SLOW_MOST) {
        s->appends[s->count++] = *append;
        return;
    }
    unsigned least = 0;
    for (unsigned i = 1; i < SLOW_MOST; i++)
        least = s->appends[i].latency_ns < s->appends[least].latency_ns ? i : least;
    if (append->latency_ns > s->appends[least].latency_ns)
        s->appends[least] = *append;
}

static int by_time(const void *a, const void *b)
{
    const struct slow_append *x = a;
    const struct slow_append *y = b;
    return x->ended_ns < y->ended_ns ? -1 : x->ended_ns > y->ended_ns;
}

void slow_tell(struct slow *s, uint64_t run_start_ns, struct result *r)
{
    qsort(s->appends, s->count, sizeof s->appends[0], by_time);
    for (unsigned i = 0; i < s->count; i++) {
        const struct slow_append *slow = &s->appends[i];
        char took[UNITS_TEXT_BYTES];
        bool in_sync = slow->sync_ns >= slow->latency_ns / 2;
        uint64_t part_ns = in_sync ? slow->sync_ns : slow->latency_ns - slow->sync_ns;
        result_event(r, slow->ended_ns - slow->latency_ns - run_start_ns, slow->latency_ns, "%s %s",
                     in_sync ? "fdatasync" : "write", units_format((double)part_ns, UNIT_NS, took));
    }
    if (s->total > s->count)
        result_note(r, "%" PRIu64 " appends were slow; the %u longest are listed as events.",
                    s->total, s->count);
}
