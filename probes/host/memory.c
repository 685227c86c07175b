#include "probes/host/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

int memory_parse(const char *meminfo, const char *key, uint64_t *bytes)
{
    size_t n = strlen(key);
    for (const char *at = meminfo; *at;) {
        if (strncmp(at, key, n) == 0 && at[n] == ':') {
            char *end = NULL;
            const char *number = at + n + 1 + strspn(at + n + 1, " \t");
            errno = 0;
            unsigned long long kib = strtoull(number, &end, 10);
            if (errno || end == number || *number == '-' || strncmp(end, " kB", 3) != 0 ||
                kib > UINT64_MAX / 1024)
                return -1;
            *bytes = kib * 1024;
            return 0;
        }
        at += strcspn(at, "\n");
        at += *at != '\0';
    }
    return -1;
}

static void memory_state_line(const char *meminfo, const char *key, const char *fact,
                              struct facts *f)
{
    uint64_t bytes = 0;
    char why[64];
    (void)snprintf(why, sizeof why, "/proc/meminfo has no usable %s line", key);
    if (memory_parse(meminfo, key, &bytes))
        (void)facts_set_unknown(f, fact, why);
    else
        (void)facts_set_number(f, fact, (double)bytes, UNIT_BYTES, NULL);
}

void memory_state(int proc_fd, struct facts *f)
{
    AUTO(buf) struct buf text = { 0 };
    struct err e;
    if (file_read_at(proc_fd, "meminfo", &text, &e)) {
        (void)facts_set_unknown(f, "host.memory", e.msg);
        (void)facts_set_unknown(f, "host.swap", e.msg);
        return;
    }
    memory_state_line(buf_text(&text), "MemTotal", "host.memory", f);
    memory_state_line(buf_text(&text), "SwapTotal", "host.swap", f);
}
