#include "probes/kit/steal.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

enum {
    STEAL_COLUMNS = 8,
    STEAL_COLUMN_IDLE = 3, /* user, nice and system come before */
    STEAL_COLUMN_IOWAIT = 4,
    STEAL_COLUMN_IRQ = 5,
    STEAL_COLUMN_SOFTIRQ = 6,
    STEAL_COLUMN = 7
};

/* One line's numbers after its name; how many there were. */
static unsigned steal_columns(const char *text, uint64_t columns[STEAL_COLUMNS])
{
    unsigned n = 0;
    memset(columns, 0, STEAL_COLUMNS * sizeof *columns);
    while (n < STEAL_COLUMNS) {
        text += strspn(text, " \t");
        if (!isdigit((unsigned char)*text))
            break;
        char *end = NULL;
        columns[n++] = strtoull(text, &end, 10);
        text = end;
    }
    return n;
}

static struct steal_cpu steal_of_columns(uint32_t cpu, const uint64_t columns[STEAL_COLUMNS])
{
    struct steal_cpu c = { .cpu = cpu,
                           .steal_ticks = columns[STEAL_COLUMN],
                           .idle_ticks = columns[STEAL_COLUMN_IDLE] + columns[STEAL_COLUMN_IOWAIT],
                           .irq_ticks = columns[STEAL_COLUMN_IRQ] + columns[STEAL_COLUMN_SOFTIRQ],
                           .busy_ticks = columns[0] + columns[1] + columns[2] };
    for (unsigned i = 0; i < STEAL_COLUMNS; i++)
        c.total_ticks += columns[i];
    return c;
}

static int steal_add(struct steal *s, const struct steal_cpu *c, struct err *e)
{
    if (s->count == LIMITS_CPUS)
        return err_set(e, ERR_DATA, 0, "/proc/stat lists more than %d CPUs", LIMITS_CPUS);
    if (s->count == s->room) {
        uint32_t room = s->room ? 2 * s->room : 16;
        struct steal_cpu *cpus = realloc(s->cpus, room * sizeof *cpus);
        if (!cpus)
            return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u CPUs", room);
        s->cpus = cpus;
        s->room = room;
    }
    s->cpus[s->count++] = *c;
    return 0;
}

static int steal_line(const char *line, struct steal *s, struct err *e)
{
    uint64_t columns[STEAL_COLUMNS];
    char *end = NULL;
    bool one = isdigit((unsigned char)line[3]);
    unsigned long cpu = one ? strtoul(line + 3, &end, 10) : 0;
    unsigned n = steal_columns(one ? end : line + 3, columns);
    if (n < STEAL_COLUMN_IDLE + 1)
        return err_set(e, ERR_DATA, 0, "/proc/stat: a cpu line has %u numbers", n);
    struct steal_cpu c = steal_of_columns((uint32_t)cpu, columns);
    if (one)
        return steal_add(s, &c, e);
    s->all = c;
    s->reported = n > STEAL_COLUMN;
    return 0;
}

int steal_parse(const char *text, struct steal *s, struct err *e)
{
    bool found = false;
    s->count = 0;
    s->reported = false;
    s->all = (struct steal_cpu){ 0 };
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (strncmp(text, "cpu", 3) == 0) {
            if (steal_line(text, s, e))
                return -1;
            found = true;
        }
        text += length + (text[length] == '\n');
    }
    return found ? 0 : err_set(e, ERR_DATA, 0, "/proc/stat has no cpu line");
}

int steal_read(int proc_fd, struct steal *s, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    if (file_read_at(proc_fd, "stat", &text, e))
        return -1;
    return steal_parse(buf_text(&text), s, e);
}

void steal_release(struct steal *s)
{
    free(s->cpus);
    *s = (struct steal){ 0 };
}

double steal_ratio(const struct steal_cpu *before, const struct steal_cpu *after)
{
    if (after->total_ticks <= before->total_ticks)
        return NAN;
    if (after->steal_ticks < before->steal_ticks)
        return 0;
    double ratio = (double)(after->steal_ticks - before->steal_ticks) /
                   (double)(after->total_ticks - before->total_ticks);
    return ratio > 1 ? 1 : ratio;
}

/* The same CPU in the other sample, from *k on; NULL when it is not there. */
static const struct steal_cpu *steal_same(const struct steal *before, uint32_t cpu, uint32_t *k)
{
    while (*k < before->count && before->cpus[*k].cpu < cpu)
        ++*k;
    return *k < before->count && before->cpus[*k].cpu == cpu ? &before->cpus[*k] : NULL;
}

double steal_worst_ratio(const struct steal *before, const struct steal *after, uint32_t *cpu)
{
    double worst = NAN;
    for (uint32_t i = 0, k = 0; i < after->count; i++) {
        const struct steal_cpu *was = steal_same(before, after->cpus[i].cpu, &k);
        double ratio = was ? steal_ratio(was, &after->cpus[i]) : NAN;
        if (!isnan(ratio) && !(ratio <= worst)) {
            worst = ratio;
            if (cpu)
                *cpu = after->cpus[i].cpu;
        }
    }
    return worst;
}

unsigned steal_worst(const struct steal *before, const struct steal *after,
                     struct steal_share *worst, unsigned most)
{
    unsigned count = 0;
    for (uint32_t i = 0, k = 0; i < after->count; i++) {
        const struct steal_cpu *was = steal_same(before, after->cpus[i].cpu, &k);
        double ratio = was ? steal_ratio(was, &after->cpus[i]) : NAN;
        unsigned at = count;
        while (at > 0 && ratio > worst[at - 1].ratio)
            at--;
        if (!(ratio > 0) || at == most)
            continue;
        count += count < most;
        for (unsigned j = count - 1; j > at; j--)
            worst[j] = worst[j - 1];
        worst[at] = (struct steal_share){ .cpu = after->cpus[i].cpu, .ratio = ratio };
    }
    return count;
}
