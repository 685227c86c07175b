#include "probes/net/portset.h"

#include <string.h>

/* Reads a number from 1 to 65535; NULL when there is none. */
static const char *take_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9' && value <= UINT16_MAX; c++)
        value = value * 10 + (uint32_t)(*c - '0');
    *port = (uint16_t)value;
    return c == text || value == 0 || value > UINT16_MAX ? NULL : c;
}

/* Reads "N" or "N-M" up to a comma or the end; NULL when it is neither. */
static const char *take_range(const char *text, struct portset_range *r)
{
    const char *c = take_port(text, &r->low);
    r->high = r->low;
    if (c && *c == '-')
        c = take_port(c + 1, &r->high);
    return c && (*c == ',' || !*c) && r->low <= r->high ? c : NULL;
}

int portset_parse(const char *text, struct portset *p, struct err *e)
{
    *p = (struct portset){ 0 };
    for (const char *c = text ? text : ""; *c;) {
        if (p->count == PORTSET_RANGES)
            return err_set(e, ERR_USAGE, 0, "more than %d ports; join neighbours, as in 8000-8010",
                           PORTSET_RANGES);
        const char *end = take_range(c, &p->ranges[p->count++]);
        if (!end || (*end && !end[1]))
            return err_set(e, ERR_USAGE, 0,
                           "'%.60s' is no port; expected numbers from 1 to 65535, as in "
                           "2379,6443,30000-32767",
                           c);
        c = *end ? end + 1 : end;
    }
    return 0;
}

bool portset_has(const struct portset *p, uint16_t port)
{
    bool has = p->count == 0;
    for (unsigned i = 0; i < p->count; i++)
        has = has || (port >= p->ranges[i].low && port <= p->ranges[i].high);
    return has;
}

static void add_tcp(const struct portset *p, struct buf *out)
{
    buf_adds(out, "(");
    for (unsigned i = 0; i < p->count; i++)
        buf_addf(out, "%stcp portrange %u-%u", i == 0 ? "" : " or ", p->ranges[i].low,
                 p->ranges[i].high);
    buf_adds(out, p->count ? "" : "tcp");
    buf_adds(out, " or (ip6 and (ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 51 or ip6[6] = 60)))");
}

/* "vlan" moves where the rest of the filter looks, so that it comes last, once for each depth. */
void portset_filter(const struct portset *p, bool tags, struct buf *out)
{
    add_tcp(p, out);
    for (unsigned depth = 0; tags && depth < 2; depth++) {
        buf_adds(out, " or (vlan and ");
        add_tcp(p, out);
    }
    buf_adds(out, tags ? "))" : "");
}
