#include "bench/crowd.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"

enum {
    CROWD_TEXT_BYTES = 8192, /* /proc/vmstat has 4 KiB, a list of children what fits */
    CROWD_SHARE = 2000,      /* of one CPU is spent in scans */
    CROWD_STAT_UTIME = 11,   /* fields after the name, which may hold blanks: state is 0 */
    CROWD_STAT_FIELDS = 20
};

#define CROWD_ADVANCE_NS (5 * (uint64_t)CLK_NS_PER_MS) /* so that the first two are paid for */

/* The whole of a small file below /proc; 0: it cannot be read. */
static size_t crowd_read(int proc_fd, const char *path, char text[CROWD_TEXT_BYTES])
{
    AUTO_CLOSE int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t n = fd < 0 ? 0 : 1;
    while (n > 0 && size < CROWD_TEXT_BYTES - 1) {
        n = read(fd, text + size, CROWD_TEXT_BYTES - 1 - size);
        size += n > 0 ? (size_t)n : 0;
    }
    text[size] = '\0';
    return size;
}

static void crowd_name(char name[LIMITS_PROCESS_BYTES], const char *from, size_t size)
{
    size = size < LIMITS_PROCESS_BYTES - 1 ? size : LIMITS_PROCESS_BYTES - 1;
    for (size_t i = 0; i < size; i++)
        name[i] = ' ';
    for (size_t i = 0; i < size; i++) {
        if (from[i] >= ' ' && from[i] <= '~')
            name[i] = from[i];
    }
    name[size] = '\0';
}

int crowd_parse_stat(const char *text, struct crowd_process *p)
{
    uint64_t fields[CROWD_STAT_FIELDS] = { 0 };
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');
    if (!isdigit((unsigned char)*text) || !open || !close || close < open || close[1] != ' ')
        return -1;
    const char *at = close + 2;
    for (unsigned i = 0; i < CROWD_STAT_FIELDS; i++) {
        if (!*at || *at == '\n')
            return -1;
        fields[i] = strtoull(at, NULL, 10); /* the state is no number, and is not used */
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    *p = (struct crowd_process){ .pid = (pid_t)strtol(text, NULL, 10),
                                 .parent = (pid_t)fields[1],
                                 .own_ticks =
                                     fields[CROWD_STAT_UTIME] + fields[CROWD_STAT_UTIME + 1],
                                 .waited_ticks =
                                     fields[CROWD_STAT_UTIME + 2] + fields[CROWD_STAT_UTIME + 3],
                                 .start_ticks = fields[CROWD_STAT_FIELDS - 1] };
    crowd_name(p->name, open + 1, (size_t)(close - open - 1));
    return 0;
}

/* The number of the line "KEY NUMBER", or "KEY: NUMBER". */
static bool crowd_number(const char *text, const char *key, uint64_t *value)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) != 0 || line[n] != ' ' || !isdigit((unsigned char)line[n + 1]))
            continue;
        *value = strtoull(line + n + 1, NULL, 10);
        return true;
    }
    return false;
}

int crowd_parse_io(const char *text, uint64_t *bytes)
{
    uint64_t read = 0;
    uint64_t written = 0;
    uint64_t cancelled = 0;
    if (!crowd_number(text, "read_bytes:", &read) || !crowd_number(text, "write_bytes:", &written))
        return -1;
    (void)crowd_number(text, "cancelled_write_bytes:", &cancelled);
    *bytes = read + (written > cancelled ? written - cancelled : 0);
    return 0;
}

int crowd_parse_vmstat(const char *text, uint64_t *bytes)
{
    uint64_t in_kib = 0;
    uint64_t out_kib = 0;
    if (!crowd_number(text, "pgpgin", &in_kib) || !crowd_number(text, "pgpgout", &out_kib))
        return -1;
    *bytes = (in_kib + out_kib) * 1024;
    return 0;
}

int crowd_open(struct crowd *c, int proc_fd, pid_t root, uint64_t now_ns, struct err *e)
{
    long hz = sysconf(_SC_CLK_TCK);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *c = (struct crowd){ .proc_fd = proc_fd, .root = root, .opened_ns = now_ns };
    c->tick_ns = CLK_NS_PER_S / (uint64_t)(hz > 0 ? hz : 100);
    c->cpus = cpus > 0 ? (unsigned)cpus : 1;
    c->last = calloc(CROWD_PROCESSES, sizeof *c->last);
    c->now = calloc(CROWD_PROCESSES, sizeof *c->now);
    if (c->last && c->now)
        return 0;
    crowd_release(c);
    return err_set(e, ERR_NO_RESOURCE, 0, "no memory to look at the processes");
}

void crowd_release(struct crowd *c)
{
    free(c->last);
    free(c->now);
    c->last = c->now = NULL;
    c->last_count = c->now_count = 0;
}

static int crowd_process(const struct crowd *c, pid_t pid, struct crowd_process *p)
{
    char text[CROWD_TEXT_BYTES];
    char path[48];
    (void)snprintf(path, sizeof path, "%d/stat", (int)pid);
    return crowd_read(c->proc_fd, path, text) ? crowd_parse_stat(text, p) : -1;
}

/* Adds the children of one to the family. -1: this kernel does not list them. */
static int crowd_children(const struct crowd *c, pid_t pid, pid_t family[CROWD_FAMILY],
                          unsigned *count)
{
    char text[CROWD_TEXT_BYTES];
    char path[64];
    (void)snprintf(path, sizeof path, "%d/task/%d/children", (int)pid, (int)pid);
    AUTO_CLOSE int there = openat(c->proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (there < 0)
        return -1;
    (void)crowd_read(c->proc_fd, path, text);
    for (char *at = text; *count < CROWD_FAMILY;) {
        char *end = NULL;
        long child = strtol(at, &end, 10);
        if (end == at || child <= 0)
            break;
        family[(*count)++] = (pid_t)child;
        at = end;
    }
    return 0;
}

/* The root first; 0: children are not listed. */
static unsigned crowd_family(const struct crowd *c, pid_t family[CROWD_FAMILY])
{
    unsigned count = 1;
    unsigned from = 0;
    family[0] = c->root;
    if (crowd_children(c, c->root, family, &count))
        return 0;
    for (unsigned depth = 1; depth < CROWD_DEPTH; depth++) {
        unsigned to = count;
        for (unsigned i = from + 1; i < to; i++)
            (void)crowd_children(c, family[i], family, &count); /* it may be gone */
        from = to - 1;
    }
    return count;
}

/* Who is new comes with all that it used. */
static void crowd_gather(struct crowd *c)
{
    pid_t pids[CROWD_FAMILY];
    struct crowd_member was[CROWD_FAMILY];
    unsigned had = c->family_count;
    memcpy(was, c->family, sizeof was);
    c->family_count = crowd_family(c, pids);
    for (unsigned i = 0; i < c->family_count; i++) {
        c->family[i] = (struct crowd_member){ .pid = pids[i] };
        for (unsigned k = 0; k < had; k++) {
            if (was[k].pid == pids[i])
                c->family[i].cpu_ns = was[k].cpu_ns;
        }
    }
}

uint64_t crowd_family_ns(struct crowd *c)
{
    if (c->looks++ % CROWD_LOOKS == 0)
        crowd_gather(c);
    for (unsigned i = 0; i < c->family_count; i++) {
        struct crowd_member *m = &c->family[i];
        uint64_t cpu_ns = 0;
        if (clk_cpu_of(m->pid, &cpu_ns) || cpu_ns < m->cpu_ns)
            continue;
        c->family_ns += cpu_ns - m->cpu_ns;
        m->cpu_ns = cpu_ns;
    }
    return c->family_count ? c->family_ns : UINT64_MAX;
}

int crowd_io(const struct crowd *c, uint64_t *ours_bytes, uint64_t *all_bytes)
{
    char text[CROWD_TEXT_BYTES];
    char path[48];
    pid_t family[CROWD_FAMILY];
    unsigned count = crowd_family(c, family);
    *ours_bytes = 0;
    if (!count || !crowd_read(c->proc_fd, "vmstat", text) || crowd_parse_vmstat(text, all_bytes))
        return -1;
    for (unsigned i = 0; i < count; i++) {
        uint64_t bytes = 0;
        (void)snprintf(path, sizeof path, "%d/io", (int)family[i]);
        bool read = crowd_read(c->proc_fd, path, text) && !crowd_parse_io(text, &bytes);
        if (!read && i == 0)
            return -1;
        *ours_bytes += bytes;
    }
    return 0;
}

static int crowd_compare(const void *a, const void *b)
{
    const struct crowd_process *x = a;
    const struct crowd_process *y = b;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct crowd_process *crowd_seek(struct crowd_process *all, unsigned count, pid_t pid)
{
    struct crowd_process key = { .pid = pid };
    return count ? bsearch(&key, all, count, sizeof *all, crowd_compare) : NULL;
}

static const struct crowd_process *crowd_find(const struct crowd_process *all, unsigned count,
                                              pid_t pid)
{
    struct crowd_process key = { .pid = pid };
    return count ? bsearch(&key, all, count, sizeof *all, crowd_compare) : NULL;
}

static bool crowd_is_ours(const struct crowd *c, const struct crowd_process *p)
{
    for (unsigned i = 0; p && i < CROWD_FAMILY; i++) {
        if (p->pid == c->root)
            return true;
        p = crowd_find(c->now, c->now_count, p->parent);
    }
    return false;
}

static void crowd_list(struct crowd *c)
{
    int fd = openat(c->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    c->now_count = 0;
    if (!dir) {
        auto_close_fd(&fd);
        return;
    }
    const struct dirent *entry = NULL;
    while (c->now_count < CROWD_PROCESSES &&
           (entry = readdir(dir))) { // NOLINT(concurrency-mt-unsafe): it is ours
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && !crowd_process(c, pid, &c->now[c->now_count]))
            c->now_count++;
    }
    (void)closedir(dir);
    qsort(c->now, c->now_count, sizeof *c->now, crowd_compare);
}

/* What it started and waited for is its own doing: a build is a thousand short processes. */
static uint64_t crowd_used(const struct crowd_process *p)
{
    return p->own_ticks + p->waited_ticks;
}

/* Whose used time went over to whom: to the next above that still lives. */
static void crowd_credit(struct crowd *c)
{
    for (unsigned i = 0; i < c->last_count; i++) {
        const struct crowd_process *gone = &c->last[i];
        struct crowd_process *heir = &c->last[i];
        for (unsigned depth = 0; heir && depth < CROWD_FAMILY; depth++) {
            const struct crowd_process *is = crowd_find(c->now, c->now_count, heir->pid);
            if (is && is->start_ticks == heir->start_ticks)
                break;
            heir = crowd_seek(c->last, c->last_count, heir->parent);
        }
        if (heir && heir != gone)
            heir->gone_ticks += crowd_used(gone);
    }
}

/*
 * What all CPUs can have done. More is old: of a child that was not known to be one, for its own
 * parent ended first.
 */
static uint64_t crowd_most_ticks(const struct crowd *c, uint64_t elapsed_ns)
{
    return (elapsed_ns / c->tick_ns + 1) * c->cpus;
}

static void crowd_compare_scans(const struct crowd *c, uint64_t elapsed_ns,
                                struct crowd_largest *largest)
{
    uint64_t most = 0;
    largest->cpu_ratio = 0;
    for (unsigned i = 0; i < c->now_count; i++) {
        const struct crowd_process *p = &c->now[i];
        const struct crowd_process *was = crowd_find(c->last, c->last_count, p->pid);
        bool same = was && was->start_ticks == p->start_ticks;
        uint64_t before = same ? crowd_used(was) + was->gone_ticks : 0;
        uint64_t ticks = crowd_used(p) > before ? crowd_used(p) - before : 0;
        if (ticks <= most || ticks > crowd_most_ticks(c, elapsed_ns) || crowd_is_ours(c, p))
            continue;
        most = ticks;
        largest->cpu_ratio = (double)(ticks * c->tick_ns) / (double)elapsed_ns;
        memcpy(largest->name, p->name, sizeof largest->name);
    }
}

void crowd_scan(struct crowd *c, uint64_t now_ns, struct crowd_largest *largest)
{
    *largest = (struct crowd_largest){ .cpu_ratio = NAN };
    if (!c->now || c->spent_ns > (now_ns - c->opened_ns) / CROWD_SHARE + CROWD_ADVANCE_NS)
        return;
    if (c->scanned_ns && now_ns < c->scanned_ns + CROWD_SCAN_NS_MIN)
        return;
    uint64_t before_ns = clk_thread_cpu_ns();
    crowd_list(c);
    if (c->scanned_ns) {
        crowd_credit(c);
        crowd_compare_scans(c, now_ns - c->scanned_ns, largest);
    }
    struct crowd_process *swap = c->last;
    c->last = c->now;
    c->last_count = c->now_count;
    c->now = swap;
    c->scanned_ns = now_ns;
    c->spent_ns += clk_thread_cpu_ns() - before_ns;
}
