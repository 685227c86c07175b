#include "probes/noise/interrupts.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/limits.h"

/* Of that CPU in the head line, from 0; -1: it is not there. */
static int interrupts_column(const char *head, uint32_t cpu)
{
    int column = 0;
    const char *end = head + strcspn(head, "\n");
    for (const char *at = strstr(head, "CPU"); at && at < end; at = strstr(at + 3, "CPU")) {
        if (isdigit((unsigned char)at[3]) && strtoul(at + 3, NULL, 10) == cpu)
            return column;
        column++;
    }
    return -1;
}

/* The figure in that column of one line; 0 when it has not so many. */
static uint64_t interrupts_figure(const char *line, int column)
{
    const char *at = line + strcspn(line, ":\n");
    uint64_t figure = 0;
    at += *at == ':';
    for (int i = 0; i <= column; i++) {
        at += strspn(at, " \t");
        if (!isdigit((unsigned char)*at))
            return 0;
        char *after = NULL;
        figure = strtoull(at, &after, 10);
        at = after;
    }
    return figure;
}

static bool interrupts_counts_all(const char *line)
{
    const char *name = line + strspn(line, " ");
    return strncmp(name, "ERR:", 4) == 0 || strncmp(name, "MIS:", 4) == 0;
}

uint64_t interrupts_sum(const char *text, uint32_t cpu)
{
    uint64_t sum = 0;
    int column = interrupts_column(text, cpu);
    const char *line = strchr(text, '\n');
    for (; column >= 0 && line && line[1]; line = strchr(line + 1, '\n')) {
        if (!interrupts_counts_all(line + 1))
            sum += interrupts_figure(line + 1, column);
    }
    return sum;
}

static bool interrupts_fill(const struct interrupts *i)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < LIMITS_PROC_BYTES - 1) {
        got = pread(i->fd, i->text + size, LIMITS_PROC_BYTES - 1 - size, (off_t)size);
        size += got > 0 ? (size_t)got : 0;
    }
    i->text[size] = '\0';
    return got == 0 && size > 0;
}

bool interrupts_open(struct interrupts *i, int proc_fd)
{
    *i = (struct interrupts)INTERRUPTS_NONE;
    i->text = malloc(LIMITS_PROC_BYTES);
    i->fd = i->text ? openat(proc_fd, "interrupts", O_RDONLY | O_CLOEXEC) : -1;
    bool whole = i->fd >= 0 && interrupts_fill(i);
    uint64_t began_ns = clk_now_ns();
    whole = whole && interrupts_fill(i); /* the first was slower: it touched the pages */
    i->read_ns = clk_now_ns() - began_ns;
    if (!whole || i->read_ns > INTERRUPTS_READ_NS_MAX) {
        uint64_t read_ns = i->read_ns;
        interrupts_release(i);
        i->read_ns = whole ? read_ns : 0;
        return false;
    }
    return true;
}

uint64_t interrupts_read(const struct interrupts *i, uint32_t cpu)
{
    return i->fd >= 0 && interrupts_fill(i) ? interrupts_sum(i->text, cpu) : 0;
}

void interrupts_release(struct interrupts *i)
{
    auto_close_fd(&i->fd);
    free(i->text);
    *i = (struct interrupts)INTERRUPTS_NONE;
}
