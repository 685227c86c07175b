#include "probes/host/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"
#include "probes/kit/limits.h"

static const char *const cpu_keys[] = { "model name", "cpu model", "Processor", "cpu", "uarch" };

/* Where the value of a key begins, or NULL. */
static const char *cpu_value(const char *cpuinfo, const char *key)
{
    size_t n = strlen(key);
    while (*cpuinfo) {
        const char *after = cpuinfo + n;
        if (strncmp(cpuinfo, key, n) == 0 && after[strspn(after, " \t")] == ':')
            return after + strspn(after, " \t") + 1;
        cpuinfo += strcspn(cpuinfo, "\n");
        cpuinfo += *cpuinfo != '\0';
    }
    return NULL;
}

/* One line, with single blanks. */
static size_t cpu_copy(const char *from, char *to, size_t size)
{
    size_t n = 0;
    for (; *from && *from != '\n' && n + 2 < size; from++) {
        bool blank = *from == ' ' || *from == '\t';
        if (!blank)
            to[n++] = *from;
        else if (n > 0 && to[n - 1] != ' ')
            to[n++] = ' ';
    }
    n -= n > 0 && to[n - 1] == ' ';
    to[n] = '\0';
    return n;
}

int cpu_parse_model(const char *cpuinfo, char model[CPU_MODEL_BYTES])
{
    model[0] = '\0';
    for (size_t i = 0; i < sizeof cpu_keys / sizeof cpu_keys[0]; i++) {
        const char *value = cpu_value(cpuinfo, cpu_keys[i]);
        if (value && cpu_copy(value, model, CPU_MODEL_BYTES))
            return 0;
    }
    const char *maker = cpu_value(cpuinfo, "CPU implementer");
    const char *part = cpu_value(cpuinfo, "CPU part");
    char of[16];
    char is[16];
    if (!maker || !part || !cpu_copy(maker, of, sizeof of) || !cpu_copy(part, is, sizeof is))
        return -1;
    (void)snprintf(model, CPU_MODEL_BYTES, "ARM implementer %s part %s", of, is);
    return 0;
}

int cpu_parse_line(const char *cpuinfo, const char *key, char *value, size_t size)
{
    const char *found = cpu_value(cpuinfo, key);
    value[0] = '\0';
    return found && cpu_copy(found, value, size) ? 0 : -1;
}

unsigned cpu_count_list(const char *list)
{
    unsigned long count = 0;
    while (*list >= '0' && *list <= '9') {
        char *end = NULL;
        unsigned long first = strtoul(list, &end, 10);
        unsigned long last = first;
        if (*end == '-' && end[1] >= '0' && end[1] <= '9')
            last = strtoul(end + 1, &end, 10);
        if (last - first >= LIMITS_CPUS) /* also when it runs backwards */
            return 0;
        count += last - first + 1;
        if (count > LIMITS_CPUS)
            return 0;
        list = *end == ',' ? end + 1 : end;
    }
    return *list ? 0 : (unsigned)count;
}

static void cpu_state_count(int sys_fd, unsigned usable, struct facts *f)
{
    char list[256];
    char why[128];
    struct err e;
    unsigned online = file_line_at(sys_fd, "devices/system/cpu/online", list, sizeof list, &e)
                          ? 0
                          : cpu_count_list(list);
    unsigned count = usable ? usable : online;
    if (count == 0) {
        (void)facts_set_unknown(f, "host.cpus", "no CPU mask and no list of CPUs could be read");
        return;
    }
    (void)snprintf(why, sizeof why, "%u of the %u that are online: the rest is forbidden to us",
                   count, online);
    (void)facts_set_number(f, "host.cpus", count, UNIT_COUNT, online > count ? why : NULL);
}

void cpu_state(int proc_fd, int sys_fd, unsigned usable, struct facts *f)
{
    AUTO(buf)
    struct buf text = { .cap = (size_t)16 * LIMITS_PROC_BYTES }; /* 1.5 kB a CPU, 4096 CPUs */
    char model[CPU_MODEL_BYTES];
    struct err e;
    cpu_state_count(sys_fd, usable, f);
    if (file_read_at(proc_fd, "cpuinfo", &text, &e))
        (void)facts_set_unknown(f, "host.cpu.model", e.msg);
    else if (cpu_parse_model(buf_text(&text), model))
        (void)facts_set_unknown(f, "host.cpu.model", "/proc/cpuinfo names no model");
    else
        (void)facts_set_text(f, "host.cpu.model", model, NULL);
}
