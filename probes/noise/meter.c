#include "probes/noise/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

static int meter_look(struct meter *t, struct err *e)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < LIMITS_PROC_BYTES - 1) {
        got = pread(t->fd, t->text + size, LIMITS_PROC_BYTES - 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return err_set(e, ERR_IO, errno, "read /proc/stat");
    t->text[size] = '\0';
    if (steal_parse(t->text, &t->all, e))
        return -1;
    return t->all.reported ? 0 : err_set(e, ERR_UNSUPPORTED, 0, "/proc/stat has no steal column");
}

int meter_open(struct meter *t, int proc_fd, struct err *e)
{
    *t = (struct meter){ .fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC) };
    if (t->fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open /proc/stat");
    t->text = malloc(LIMITS_PROC_BYTES);
    if (!t->text)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for /proc/stat");
    return meter_look(t, e); /* so that later looks find the array large enough */
}

void meter_release(struct meter *t)
{
    auto_close_fd(&t->fd);
    free(t->text);
    steal_release(&t->all);
    *t = (struct meter){ .fd = -1 };
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
