#include "probes/net/pathmtu.h"

enum {
    PATHMTU_DOUBTS = 4 /* then the path loses so much that no size is certain */
};

void pathmtu_init(struct pathmtu *p, unsigned floor, unsigned top)
{
    *p = (struct pathmtu){ .floor = floor, .top = top, .high = top + 1 };
}

static bool is_within(const struct pathmtu *p, unsigned size)
{
    return size > p->low && size < p->high;
}

static bool is_certain(const struct pathmtu *p)
{
    return p->confirmed || p->high > p->top || p->doubts >= PATHMTU_DOUBTS;
}

unsigned pathmtu_next(const struct pathmtu *p)
{
    if (p->high <= p->floor) /* not even the least */
        return p->confirmed ? 0 : p->floor;
    if (p->low + 1 >= p->high)
        return is_certain(p) ? 0 : p->high;
    if (p->high > p->top)
        return p->top;
    if (p->low < p->floor)
        return p->floor;
    if (is_within(p, p->hint))
        return p->hint;
    if (p->hint && p->low == p->hint)
        return p->hint + 1;
    return p->low + (p->high - p->low) / 2;
}

bool pathmtu_confirms(const struct pathmtu *p)
{
    return pathmtu_next(p) == p->high;
}

void pathmtu_carried(struct pathmtu *p, unsigned size)
{
    if (size >= p->high) { /* it was lost before, not too large */
        p->doubts++;
        p->high = p->top + 1;
        p->confirmed = false;
    }
    if (size > p->low)
        p->low = size;
}

void pathmtu_not_carried(struct pathmtu *p, unsigned size)
{
    if (size == p->high)
        p->confirmed = true;
    else if (size > p->low && size < p->high)
        p->high = size;
}

void pathmtu_hint(struct pathmtu *p, unsigned mtu)
{
    p->hint = mtu >= p->floor && mtu < p->top ? mtu : p->hint;
}
