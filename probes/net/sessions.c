#include "probes/net/sessions.h"

#include <stdbool.h>
#include <stdlib.h>

struct sessions_row {
    struct sessions_name name;
    uint32_t next; /* modulo 2^32, as the packet has it */
    uint64_t packets;
    uint64_t last_ns;
};

int sessions_open(struct sessions *s, struct origin_seed seed, struct err *e)
{
    *s = (struct sessions){ .seed = seed };
    s->rows = calloc((size_t)SESSIONS_SETS * SESSIONS_WAYS, sizeof *s->rows);
    return s->rows ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory for the table of sessions");
}

void sessions_release(struct sessions *s)
{
    free(s->rows);
    s->rows = NULL;
}

static bool is_same(const struct sessions_name *a, const struct sessions_name *b)
{
    return origin_same(a->from, b->from) && a->port == b->port && a->ssid == b->ssid;
}

static bool is_quiet(const struct sessions_row *r, uint64_t now_ns)
{
    return r->packets == 0 || now_ns - r->last_ns >= SESSIONS_QUIET_NS;
}

/* How little is lost with a row: none before a quiet one, then few packets, then long ago. */
static bool is_less(const struct sessions_row *a, const struct sessions_row *b, uint64_t now_ns)
{
    if (is_quiet(a, now_ns) != is_quiet(b, now_ns))
        return is_quiet(a, now_ns);
    return a->packets != b->packets ? a->packets < b->packets : a->last_ns < b->last_ns;
}

static struct sessions_row *row_of(struct sessions *s, const struct sessions_name *n,
                                   uint64_t now_ns)
{
    uint64_t hash = origin_hash(s->seed, n->from, (uint64_t)n->port << 16 | n->ssid);
    struct sessions_row *set = s->rows + (hash & (SESSIONS_SETS - 1)) * SESSIONS_WAYS;
    struct sessions_row *least = set;
    for (struct sessions_row *r = set; r < set + SESSIONS_WAYS; r++) {
        if (is_same(&r->name, n) && !is_quiet(r, now_ns))
            return r;
        if (is_less(r, least, now_ns))
            least = r;
    }
    s->begun++;
    if (!is_quiet(least, now_ns))
        s->pushed_out++;
    *least = (struct sessions_row){ .name = *n };
    return least;
}

uint32_t sessions_next(struct sessions *s, const struct sessions_name *n, uint64_t now_ns)
{
    struct sessions_row *r = row_of(s, n, now_ns);
    r->last_ns = now_ns;
    r->packets++;
    return r->next++;
}
