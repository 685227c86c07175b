#include "probes/noise/meter.h"

static int meter_look(struct meter *t, struct err *e)
{
    if (statfile_read(&t->file, &t->all, e))
        return -1;
    return t->all.reported ? 0 : err_set(e, ERR_UNSUPPORTED, 0, "/proc/stat has no steal column");
}

int meter_open(struct meter *t, int proc_fd, struct err *e)
{
    *t = (struct meter)METER_NONE;
    if (statfile_open(&t->file, proc_fd, e))
        return -1;
    return meter_look(t, e); /* so that later looks find the array large enough */
}

void meter_release(struct meter *t)
{
    statfile_close(&t->file);
    steal_release(&t->all);
}

int meter_read(struct meter *t, const uint32_t *cpus, unsigned count, struct steal_cpu *sum,
               struct err *e)
{
    *sum = (struct steal_cpu){ 0 };
    if (meter_look(t, e))
        return -1;
    for (uint32_t i = 0, k = 0; i < t->all.count; i++) {
        const struct steal_cpu *c = &t->all.cpus[i];
        while (k < count && cpus[k] < c->cpu)
            k++;
        if (k == count || cpus[k] != c->cpu)
            continue;
        sum->steal_ticks += c->steal_ticks;
        sum->total_ticks += c->total_ticks;
        sum->idle_ticks += c->idle_ticks;
    }
    return 0;
}
