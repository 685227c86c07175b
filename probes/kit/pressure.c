#include "probes/kit/pressure.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    PRESSURE_BYTES = 512 /* two lines of 100 */
};

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

static const char *const pressure_names[PRESSURE_KINDS] = {
    [PRESSURE_CPU] = "pressure/cpu",
    [PRESSURE_IO] = "pressure/io",
    [PRESSURE_MEMORY] = "pressure/memory",
};

static void pressure_keep(struct pressure *p, unsigned kind, const char *text)
{
    struct err ignored;
    p->present[kind] = !pressure_parse(text, &p->some_us[kind], &p->full_us[kind], &ignored);
    p->has_full[kind] = p->present[kind] && p->full_us[kind] != UINT64_MAX;
    p->full_us[kind] = p->has_full[kind] ? p->full_us[kind] : 0;
}

void pressure_read(int proc_fd, struct pressure *p)
{
    AUTO(buf) struct buf text = { 0 };
    struct err ignored;
    *p = (struct pressure){ 0 };
    for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
        if (!file_read_at(proc_fd, pressure_names[i], &text, &ignored))
            pressure_keep(p, i, buf_text(&text));
    }
}

void pressure_look(const struct pressure_files *files, struct pressure *p)
{
    char text[PRESSURE_BYTES];
    *p = (struct pressure){ 0 };
    for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
        ssize_t n = files->fds[i] < 0 ? -1 : pread(files->fds[i], text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        pressure_keep(p, i, text);
    }
}

int pressure_open(int proc_fd, struct pressure_files *files, struct err *e)
{
    struct pressure now;
    int sys = 0;
    for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
        files->fds[i] = openat(proc_fd, pressure_names[i], O_RDONLY | O_CLOEXEC);
        sys = files->fds[i] < 0 ? errno : sys;
    }
    pressure_look(files, &now);
    if (now.present[PRESSURE_CPU] || now.present[PRESSURE_IO] || now.present[PRESSURE_MEMORY])
        return 0;
    if (sys == EACCES || sys == EPERM)
        return err_set(e, ERR_DENIED, sys, "open /proc/pressure/cpu");
    return err_set(e, ERR_UNSUPPORTED, 0,
                   "this kernel does not account for pressure (no /proc/pressure): boot it with "
                   "psi=1, or one that was built with CONFIG_PSI; in a container its host decides");
}

void pressure_close(struct pressure_files *files)
{
    for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
        auto_close_fd(&files->fds[i]);
        files->fds[i] = -1;
    }
}

double pressure_ratio(uint64_t before_us, uint64_t after_us, uint64_t length_ns)
{
    if (length_ns == 0 || after_us < before_us)
        return NAN;
    double ratio = (double)(after_us - before_us) * CLK_NS_PER_US / (double)length_ns;
    return ratio > 1 ? 1 : ratio;
}
