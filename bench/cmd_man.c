#include <stdlib.h>

#include "bench/cmd.h"
#include "bench/say.h"
#include "bench/usage.h"
#include "probes/kit/auto.h"

struct man_conf {
    bool unused; /* a table of no options still has a struct */
};

static const struct opt man_opts[] = { OPT_END };

static int man_run(const void *conf, const struct opt_list *operands)
{
    (void)conf;
    (void)operands;
    AUTO(buf) struct buf out = { 0 };
    struct err e = { 0 };
    usage_man(&out);
    return say_out(&out, &e) ? say_error(&e) : EXIT_STATUS_FIT;
}

const struct command cmd_man = {
    .name = "man",
    .summary = "print the manual page's source (scdoc)",
    .opts = man_opts,
    .conf_size = sizeof(struct man_conf),
    .run = man_run,
    .about = "Prints plimsoll(1) as scdoc source, made from the tables of commands and options.",
};
