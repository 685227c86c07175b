#include "probes/kit/pace.h"

void pace_init(struct pace *p, uint64_t start_ns, uint64_t interval_ns)
{
    *p = (struct pace){ .start_ns = start_ns, .interval_ns = interval_ns ? interval_ns : 1 };
}

uint64_t pace_due_ns(const struct pace *p)
{
    return p->start_ns + p->slot * p->interval_ns;
}

uint64_t pace_take(struct pace *p, uint64_t now_ns)
{
    uint64_t due = pace_due_ns(p);
    uint64_t late = now_ns > due ? now_ns - due : 0;
    uint64_t gone = late / p->interval_ns; /* whole intervals that passed unused */
    p->missed += gone;
    p->slot += gone;
    due = pace_due_ns(p);
    late -= gone * p->interval_ns;
    p->late_max_ns = late > p->late_max_ns ? late : p->late_max_ns;
    p->late_sum_ns += late;
    p->taken++;
    p->slot++;
    return due;
}

double pace_late_mean_ns(const struct pace *p)
{
    return p->taken ? (double)p->late_sum_ns / (double)p->taken : 0;
}
