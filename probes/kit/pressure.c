#include "probes/kit/pressure.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

/* The number after `key` in the first line that begins with `name`. */
static int pressure_number(const char *text, const char *name, const char *key, uint64_t *value)
{
    const char *line = text;
    while (line && strncmp(line, name, strlen(name)) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    const char *at = line ? memmem(line, strcspn(line, "\n"), key, strlen(key)) : NULL;
    if (!at || !isdigit((unsigned char)at[strlen(key)])) {
        return -1;
    }
    *value = strtoull(at + strlen(key), NULL, 10);
    return 0;
}

int pressure_parse(const char *text, uint64_t *some_us, uint64_t *full_us, struct err *e)
{
    *some_us = *full_us = 0;
    if (pressure_number(text, "some ", " total=", some_us) != 0) {
        return err_set(e, ERR_DATA, 0, "pressure: no 'some' line with a total");
    }
    if (pressure_number(text, "full ", " total=", full_us) != 0)
        *full_us = UINT64_MAX;
    return 0;
}

void pressure_read(int proc_fd, struct pressure *p)
{
    static const char *const names[PRESSURE_KINDS] = {
        [PRESSURE_CPU] = "pressure/cpu",
        [PRESSURE_IO] = "pressure/io",
        [PRESSURE_MEMORY] = "pressure/memory",
    };
    AUTO(buf) struct buf text = { 0 };
    struct err ignored;
    *p = (struct pressure){ 0 };
    for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
        p->present[i] = !file_read_at(proc_fd, names[i], &text, &ignored) &&
                        !pressure_parse(buf_text(&text), &p->some_us[i], &p->full_us[i], &ignored);
        p->has_full[i] = p->present[i] && p->full_us[i] != UINT64_MAX;
        p->full_us[i] = p->has_full[i] ? p->full_us[i] : 0;
    }
}
