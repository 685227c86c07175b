/*
 * command: one row per subcommand. Help, man page and parsing come from its option table.
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <stddef.h>

#include "probes/kit/opt.h"

/* Exit statuses, the same everywhere (the monitoring-plugin convention). */
enum {
    EXIT_STATUS_FIT = 0, /* or done */
    EXIT_STATUS_MARGINAL = 1,
    EXIT_STATUS_UNFIT = 2,
    EXIT_STATUS_UNKNOWN = 3, /* or failed, or bad usage */
    EXIT_STATUS_INTERRUPTED = 130,
};

struct command {
    const char *name;
    const char *summary;  /* one line of the list of commands */
    const char *operands; /* "DOC...", "[ADDR[:PORT]]", or NULL when it takes none */
    const struct opt *opts;
    size_t conf_size;
    /* The exit status. Prints its own errors, one sentence on stderr: "plimsoll: ...". */
    int (*run)(const void *conf, const struct opt_list *operands);
    const char *about; /* a paragraph for --help and the man page */
};

extern const struct command *const command_all[]; /* ended by NULL */

const struct command *command_find(const char *name); /* NULL when not known */

#endif
