#include "probes/net/roster.h"

#include <stdlib.h>

int roster_open(struct roster *r, unsigned room, struct err *e)
{
    uint32_t size = 4;
    while (size < 2 * room)
        size *= 2;
    *r = (struct roster){ .rows = calloc(size, sizeof *r->rows), .mask = size - 1 };
    if (!r->rows)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u addresses", room);
    for (uint32_t i = 0; i < size; i++)
        r->rows[i].member = ROSTER_NONE;
    return 0;
}

void roster_release(struct roster *r)
{
    free(r->rows);
    *r = (struct roster){ 0 };
}

/* FNV-1a over address and port. SOURCE: G. Fowler, L. C. Noll, K.-P. Vo, 32 bits. */
static uint32_t hash(const union peer_sockaddr *a)
{
    bool is_v6 = a->any.sa_family == AF_INET6;
    const uint8_t *bytes =
        is_v6 ? (const uint8_t *)&a->v6.sin6_addr : (const uint8_t *)&a->v4.sin_addr;
    size_t size = is_v6 ? sizeof a->v6.sin6_addr : sizeof a->v4.sin_addr;
    uint32_t h = UINT32_C(2166136261) ^ peer_sockaddr_port(a);
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * UINT32_C(16777619);
    return h ^ h >> 15;
}

void roster_add(struct roster *r, const union peer_sockaddr *at, int member)
{
    uint32_t i = hash(at) & r->mask;
    while (r->rows[i].member != ROSTER_NONE)
        i = (i + 1) & r->mask;
    r->rows[i] = (struct roster_row){ .at = *at, .member = member };
}

int roster_next(const struct roster *r, const union peer_sockaddr *at, int64_t *place)
{
    uint32_t i = *place == ROSTER_NONE ? hash(at) & r->mask : ((uint32_t)*place + 1) & r->mask;
    for (; r->rows[i].member != ROSTER_NONE; i = (i + 1) & r->mask) {
        if (peer_same(&r->rows[i].at, at)) {
            *place = i;
            return r->rows[i].member;
        }
    }
    return ROSTER_NONE;
}
