#include "bench/usage.h"

#include <stdbool.h>

#include "probes/kit/optdoc.h"

static const char usage_statuses[] = "exit status: 0 fit or done, 1 marginal, 2 unfit, 3 unknown, "
                                     "failed or bad usage, 130 interrupted\n";

void usage_program(struct buf *out)
{
    buf_adds(out, "plimsoll " VERSION ": can this host carry a container orchestrator?\n\n"
                  "usage: plimsoll COMMAND [OPTION]... [OPERAND]...\n\n");
    for (unsigned i = 0; command_all[i]; i++)
        buf_addf(out, "  %-9s %s\n", command_all[i]->name, command_all[i]->summary);
    buf_adds(out, "\n'plimsoll COMMAND --help' says more. To begin: plimsoll vet\n\n");
    buf_adds(out, usage_statuses);
}

void usage_command(const struct command *c, struct buf *out)
{
    bool options = c->opts && c->opts->type != OPT_TYPE_END;
    buf_addf(out, "usage: plimsoll %s%s%s%s\n\n", c->name, options ? " [OPTION]..." : "",
             c->operands ? " " : "", c->operands ? c->operands : "");
    optdoc_wrap(c->about, 0, out);
    if (options) {
        buf_adds(out, "\n");
        optdoc_help(c->opts, out);
    }
    buf_adds(out, "\n");
    buf_adds(out, usage_statuses);
}

static void usage_man_command(const struct command *c, struct buf *out)
{
    buf_addf(out, "## plimsoll %s", c->name);
    if (c->operands) {
        buf_adds(out, " ");
        optdoc_escape(c->operands, out);
    }
    buf_adds(out, "\n\n");
    optdoc_escape(c->about, out);
    buf_adds(out, "\n\n");
    if (c->opts && c->opts->type != OPT_TYPE_END)
        optdoc_scdoc(c->opts, out);
}

static const char usage_man_head[] =
    "plimsoll(1)\n\n"
    "# NAME\n\n"
    "plimsoll - can this host carry a container orchestrator?\n\n"
    "# SYNOPSIS\n\n"
    "*plimsoll* _COMMAND_ [_OPTION_]... [_OPERAND_]...\n\n"
    "# DESCRIPTION\n\n"
    "Measures disk latency, image extraction, the network between nodes, CPU stalls and the "
    "kernel's abilities, and says for the roles of Kubernetes, k3s, Docker Swarm, Mesos, Marathon, "
    "ZooKeeper, Nomad and Consul whether this host is fit, marginal or unfit; how far it is from "
    "the line; and which measurement decided.\n\n"
    "Writes only inside a private scratch directory below *--dir* and removes it. Never writes to "
    "a block device, downloads nothing, uploads nothing, and contacts no address but "
    "*--peer* and *--connect*.\n\n"
    "# COMMANDS\n\n";

static const char usage_man_foot[] =
    "# EXIT STATUS\n\n"
    "*0*\n\tfit, or done\n\n*1*\n\tmarginal\n\n*2*\n\tunfit\n\n"
    "*3*\n\tunknown, failed or bad usage\n\n*130*\n\tinterrupted\n\n"
    "The status of *vet* and *report* is the worst of the roles that *--role* names; with none "
    "named, that of the best role.\n\n"
    "# FILES\n\n"
    "_plimsoll-HOST-TIME/result.json_\n\tthe document, schema plimsoll-result/1\n\n"
    "_plimsoll-HOST-TIME/report.html_, _report.md_\n\tthe report for people\n\n"
    "# ENVIRONMENT\n\n"
    "*NO\\_COLOR*\n\twhen set and not empty, no colours\n\n"
    "# EXAMPLES\n\n"
    "plimsoll vet --role k8s-worker --dir /srv\n\n"
    "plimsoll vet --peer 192.0.2.7 --label provider=Example\n\n"
    "plimsoll vet --peer node-b --peer node-c --connect api.example:6443 --load 50Mbit\n\n"
    "plimsoll measure disk.wal --set disk.wal.record=8000\n\n"
    "plimsoll measure net.passive --passive eth0 --port 2379,6443 --for 30s\n\n"
    "plimsoll report --format markdown result.json\n";

void usage_man(struct buf *out)
{
    buf_adds(out, usage_man_head);
    for (unsigned i = 0; command_all[i]; i++)
        usage_man_command(command_all[i], out);
    buf_adds(out, usage_man_foot);
}
