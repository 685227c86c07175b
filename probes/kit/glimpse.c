#include "probes/kit/glimpse.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/buf.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

enum {
    GLIMPSE_CLOCK_TRIES = 5,
    GLIMPSE_CLOCK_NARROW_NS = 20 * CLK_NS_PER_US, /* two readings take 0.1 us, 5 us in a slow VM */
    GLIMPSE_CLOCK_WIDE_NS = CLK_NS_PER_MS,        /* of such a pair nothing is learnt */
    GLIMPSE_COLUMNS = 1024,                       /* CPUs of one /proc/interrupts that are told
                                                     apart */
};

#define GLIMPSE_IDLE_BACK_NS   (50 * (uint64_t)CLK_NS_PER_MS)
#define GLIMPSE_SUSPEND_NS_MIN (10 * (uint64_t)CLK_NS_PER_MS) /* less is two clocks read apart */

static uint32_t glimpse_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_CONF);
    return n < 1 ? 1 : n > LIMITS_CPUS ? LIMITS_CPUS : (uint32_t)n;
}

bool glimpse_is_made_up(const char *mountinfo)
{
    for (const char *line = mountinfo; *line;) {
        size_t size = strcspn(line, "\n");
        if (memmem(line, size, " /proc/stat ", 12) && memmem(line, size, " fuse.lxcfs ", 12))
            return true;
        line += size + (line[size] == '\n');
    }
    return false;
}

int glimpse_open(struct glimpse_eye *eye, const struct glimpse_site *site, struct err *e)
{
    AUTO(buf) struct buf mounts = { 0 };
    struct err ignored;
    long hz = sysconf(_SC_CLK_TCK);
    *eye = (struct glimpse_eye){ .stat_fd = openat(site->proc_fd, "stat", O_RDONLY | O_CLOEXEC),
                                 .interrupts_fd = -1,
                                 .tick_ns = CLK_NS_PER_S / (uint64_t)(hz > 0 ? hz : 100),
                                 .cpus = glimpse_cpus(),
                                 .own_ns = site->own_ns,
                                 .own_arg = site->own_arg };
    eye->made_up = !file_read_at(site->proc_fd, "self/mountinfo", &mounts, &ignored) &&
                   glimpse_is_made_up(buf_text(&mounts));
    if (site->counts_interrupts)
        eye->interrupts_fd = openat(site->proc_fd, "interrupts", O_RDONLY | O_CLOEXEC);
    (void)throttle_open(&eye->throttle, site->proc_fd, site->sys_fd, &ignored);
    eye->text = malloc(LIMITS_PROC_BYTES);
    eye->steal.cpus = calloc(LIMITS_CPUS, sizeof *eye->steal.cpus);
    eye->steal.room = eye->steal.cpus ? LIMITS_CPUS : 0;
    if (eye->text && eye->steal.cpus)
        return 0;
    glimpse_eye_release(eye);
    return err_set(e, ERR_NO_RESOURCE, 0, "no memory to look at the CPUs");
}

void glimpse_eye_release(struct glimpse_eye *eye)
{
    auto_close_fd(&eye->stat_fd);
    auto_close_fd(&eye->interrupts_fd);
    throttle_release(&eye->throttle);
    steal_release(&eye->steal);
    free(eye->text);
    *eye = (struct glimpse_eye)GLIMPSE_EYE_NONE;
}

int glimpse_reserve(struct glimpse *g, uint32_t cpus, struct err *e)
{
    *g = (struct glimpse){ .cpus = calloc(cpus ? cpus : 1, sizeof *g->cpus) };
    if (!g->cpus)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for %u CPUs", cpus);
    g->room = cpus;
    return 0;
}

void glimpse_release(struct glimpse *g)
{
    free(g->cpus);
    *g = (struct glimpse){ 0 };
}

/* Whole lines of a file; 0 when it cannot be read. */
static size_t glimpse_read(const struct glimpse_eye *eye, int fd)
{
    size_t size = 0;
    ssize_t got = fd < 0 ? 0 : 1;
    while (got > 0 && size < LIMITS_PROC_BYTES - 1) {
        got = pread(fd, eye->text + size, LIMITS_PROC_BYTES - 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    while (size > 0 && eye->text[size - 1] != '\n')
        size--;
    eye->text[size] = '\0';
    return size;
}

static struct glimpse_cpu glimpse_cpu_of(const struct steal_cpu *c, uint64_t tick_ns)
{
    return (struct glimpse_cpu){ .steal_ns = c->steal_ticks * tick_ns,
                                 .irq_ns = c->irq_ticks * tick_ns,
                                 .busy_ns = c->busy_ticks * tick_ns,
                                 .idle_ns = c->idle_ticks * tick_ns,
                                 .present = true };
}

void glimpse_stat(struct glimpse *g, const struct steal *s, uint64_t tick_ns)
{
    memset(g->cpus, 0, g->room * sizeof *g->cpus);
    g->all = glimpse_cpu_of(&s->all, tick_ns);
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->cpus[i].cpu < g->room)
            g->cpus[s->cpus[i].cpu] = glimpse_cpu_of(&s->cpus[i], tick_ns);
    }
}

/* The CPUs that "  CPU0  CPU2" names, in their order; how many. */
static unsigned glimpse_columns(const char *line, uint16_t cpus[GLIMPSE_COLUMNS])
{
    unsigned count = 0;
    while (count < GLIMPSE_COLUMNS) {
        line += strspn(line, " \t");
        if (strncmp(line, "CPU", 3) != 0 || !isdigit((unsigned char)line[3]))
            break;
        char *end = NULL;
        unsigned long cpu = strtoul(line + 3, &end, 10);
        cpus[count++] = cpu < UINT16_MAX ? (uint16_t)cpu : UINT16_MAX;
        line = end;
    }
    return count;
}

/* "LOC:  12  34  Local timer interrupts". ERR and MIS have one number, of no CPU. */
static void glimpse_interrupt_line(struct glimpse *g, const char *line,
                                   const uint16_t cpus[GLIMPSE_COLUMNS], unsigned count)
{
    size_t name = strcspn(line, ":\n");
    const char *at = line + name + (line[name] == ':');
    line += strspn(line, " \t");
    if (line[0] == '\n' || strncmp(line, "ERR:", 4) == 0 || strncmp(line, "MIS:", 4) == 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        at += strspn(at, " \t");
        if (!isdigit((unsigned char)*at))
            return;
        char *end = NULL;
        uint64_t n = strtoull(at, &end, 10);
        at = end;
        if (cpus[i] < g->room)
            g->cpus[cpus[i]].interrupts += n;
    }
}

void glimpse_interrupts(struct glimpse *g, const char *text)
{
    uint16_t cpus[GLIMPSE_COLUMNS];
    unsigned count = glimpse_columns(text, cpus);
    const char *line = strchr(text, '\n');
    while (line && line[1]) {
        glimpse_interrupt_line(g, line + 1, cpus, count);
        line = strchr(line + 1, '\n');
    }
}

/* Two clocks read apart differ by what came between: the narrowest of a few tries counts. */
static void glimpse_suspended(struct glimpse_eye *eye)
{
    uint64_t narrowest_ns = GLIMPSE_CLOCK_WIDE_NS;
    for (unsigned i = 0; i < GLIMPSE_CLOCK_TRIES && narrowest_ns > GLIMPSE_CLOCK_NARROW_NS; i++) {
        uint64_t before_ns = clk_now_ns();
        uint64_t boot_ns = clk_boottime_ns();
        uint64_t width_ns = clk_now_ns() - before_ns;
        if (width_ns >= narrowest_ns)
            continue;
        narrowest_ns = width_ns;
        uint64_t awake_ns = before_ns + width_ns / 2;
        eye->suspended_ns = boot_ns > awake_ns ? boot_ns - awake_ns : 0;
    }
}

void glimpse_take(struct glimpse_eye *eye, struct glimpse *g)
{
    struct err ignored;
    g->at_ns = clk_now_ns();
    g->all.present =
        glimpse_read(eye, eye->stat_fd) > 0 && !steal_parse(eye->text, &eye->steal, &ignored);
    if (g->all.present)
        glimpse_stat(g, &eye->steal, eye->tick_ns);
    if (g->all.present && glimpse_read(eye, eye->interrupts_fd) > 0)
        glimpse_interrupts(g, eye->text);
    for (uint32_t i = 0; i < g->room && eye->made_up; i++)
        g->cpus[i].present = false;
    g->throttled_known = throttle_read(&eye->throttle, &g->throttle) == 0;
    g->own_ns = eye->own_ns ? eye->own_ns(eye->own_arg) : UINT64_MAX;
    g->own_known = g->own_ns != UINT64_MAX;
    g->own_hidden = eye->own_ns && !g->own_known;
    glimpse_suspended(eye);
    g->suspended_ns = eye->suspended_ns;
    g->until_ns = clk_now_ns();
}

static uint64_t glimpse_less(uint64_t after, uint64_t before)
{
    return after > before ? after - before : 0;
}

/* Unplugged and back, or moved to another host. Idle alone may go back by a tick or two. */
static bool glimpse_began_anew(const struct glimpse_cpu *before, const struct glimpse_cpu *after)
{
    return after->steal_ns < before->steal_ns || after->irq_ns < before->irq_ns ||
           after->busy_ns < before->busy_ns ||
           after->idle_ns + GLIMPSE_IDLE_BACK_NS < before->idle_ns;
}

struct cause_window glimpse_window(const struct glimpse *a, const struct glimpse *b, uint32_t cpu)
{
    struct cause_window w = {
        .length_ns = glimpse_less(b->at_ns, a->at_ns),
        .all_busy_ns = glimpse_less(b->all.busy_ns, a->all.busy_ns),
        .own_ns = glimpse_less(b->own_ns, a->own_ns),
        .own_known = a->own_known && b->own_known && a->all.present && b->all.present,
        .own_hidden = a->own_hidden || b->own_hidden,
        .throttled_ns = glimpse_less(b->throttle.throttled_ns, a->throttle.throttled_ns),
        .throttles = glimpse_less(b->throttle.throttles, a->throttle.throttles),
        .throttled_known = a->throttled_known && b->throttled_known,
        .suspended_ns = glimpse_less(b->suspended_ns, a->suspended_ns),
    };
    if (w.suspended_ns < GLIMPSE_SUSPEND_NS_MIN)
        w.suspended_ns = 0;
    bool reached = cpu < a->room && cpu < b->room && a->all.present && b->all.present;
    w.cpu_known = reached && a->cpus[cpu].present && b->cpus[cpu].present &&
                  !glimpse_began_anew(&a->cpus[cpu], &b->cpus[cpu]);
    if (!w.cpu_known)
        return w;
    const struct glimpse_cpu *c = &a->cpus[cpu];
    const struct glimpse_cpu *d = &b->cpus[cpu];
    w.steal_ns = glimpse_less(d->steal_ns, c->steal_ns);
    w.irq_ns = glimpse_less(d->irq_ns, c->irq_ns);
    w.busy_ns = glimpse_less(d->busy_ns, c->busy_ns);
    w.idle_ns = glimpse_less(d->idle_ns, c->idle_ns);
    w.interrupts = glimpse_less(d->interrupts, c->interrupts);
    return w;
}
