#include "probes/image/quota.h"

#include "probes/kit/clk.h"

enum {
    QUOTA_CLOCK_ENTRIES = 1 << 6 /* between two looks at the clock */
};

static int quota_stopped(const struct quota *q, struct err *e)
{
    return q->stopping && *q->stopping ? err_set(e, ERR_INTERRUPTED, 0, "interrupted") : 0;
}

int quota_check(const struct quota *q, struct err *e)
{
    if (quota_stopped(q, e))
        return -1;
    if (q->until_ns && clk_now_ns() > q->until_ns)
        return err_set(e, ERR_TIMEOUT, 0, "the time for it is over");
    return 0;
}

int quota_look(const struct quota *q, uint64_t nth, struct err *e)
{
    return nth % QUOTA_CLOCK_ENTRIES ? quota_stopped(q, e) : quota_check(q, e);
}

int quota_take(struct quota *q, struct err *e)
{
    if (q->entries >= q->entries_max)
        return err_set(e, ERR_DATA, 0,
                       "more than the %llu entries that a layer may have, directories that it does "
                       "not list but needs included",
                       (unsigned long long)q->entries_max);
    return quota_look(q, q->entries++, e);
}
