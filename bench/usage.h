/*
 * usage: --help and the man page, from the table of commands.
 */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include "bench/command.h"
#include "probes/kit/buf.h"

void usage_program(struct buf *out);
void usage_command(const struct command *c, struct buf *out);
/* plimsoll(1) as scdoc source. */
void usage_man(struct buf *out);

#endif
