#include "probes/disk/ladder.h"

void ladder_init(struct ladder *l, unsigned depth_max)
{
    *l = (struct ladder){ .depth = 1, .depth_max = depth_max };
}

bool ladder_climb(struct ladder *l, double rate)
{
    bool gained = rate >= l->knee_rate * (100 + LADDER_GAIN_PERCENT) / 100;
    if (!gained && !l->again) {
        l->again = true;
        return true;
    }
    if (!gained)
        return false;
    l->knee_depth = l->depth;
    l->knee_rate = rate;
    l->again = false;
    if (l->depth > l->depth_max / 2)
        return false;
    l->depth *= 2;
    return true;
}
