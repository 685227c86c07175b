#include "bench/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/command.h"
#include "probes/kit/file.h"

enum {
    SAY_WIDTH = 100,
    SAY_WIDTH_MIN = 60,
    SAY_WIDTH_MAX = 120
};

int say_error(const struct err *e)
{
    (void)fprintf(stderr, "plimsoll: %s\n", e->msg);
    return EXIT_STATUS_UNKNOWN;
}

int say_usage(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("plimsoll: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return EXIT_STATUS_UNKNOWN;
}

void say_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

int say_out(const struct buf *text, struct err *e)
{
    if (file_write_all(STDOUT_FILENO, buf_text(text), text->size, e))
        return err_wrap(e, "write the result to standard output");
    return 0;
}

bool say_colour(int fd)
{
    const char *no = getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe)
    return isatty(fd) && (!no || !*no);
}

unsigned say_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) || size.ws_col == 0)
        return SAY_WIDTH;
    if (size.ws_col < SAY_WIDTH_MIN)
        return SAY_WIDTH_MIN;
    return size.ws_col > SAY_WIDTH_MAX ? SAY_WIDTH_MAX : size.ws_col;
}
