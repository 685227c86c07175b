/*
 * cmd: the rows of the table of commands, one a file.
 */
#ifndef BENCH_CMD_H
#define BENCH_CMD_H

#include "bench/command.h"

extern const struct command cmd_vet;
extern const struct command cmd_measure;
extern const struct command cmd_report;
extern const struct command cmd_reflect;
extern const struct command cmd_list;
extern const struct command cmd_explain;
extern const struct command cmd_man;

#endif
