/*
 * say: the only writers to the terminal. Results go to stdout, everything else to stderr.
 */
#ifndef BENCH_SAY_H
#define BENCH_SAY_H

#include <stdbool.h>

#include "probes/kit/buf.h"
#include "probes/kit/err.h"

/* "plimsoll: ...\n" on stderr; returns EXIT_STATUS_UNKNOWN so that a command can return it. */
int say_error(const struct err *e);
int say_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* a line on stderr */
/* All of it on stdout. A closed or full stdout is an error: -1. */
int say_out(const struct buf *text, struct err *e);

bool say_colour(int fd);    /* a terminal, and NO_COLOR is not set */
unsigned say_width(int fd); /* columns; 100 when not a terminal, never above 120 */

#endif
