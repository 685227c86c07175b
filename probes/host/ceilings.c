#include "probes/host/ceilings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/kit/file.h"

struct ceilings_row {
    const char *fact;
    const char *path;    /* below /proc */
    const char *missing; /* why the file may not be there; NULL: no idea */
};

static const struct ceilings_row ceilings_rows[] = {
    {"host.inotify.instances",  "sys/fs/inotify/max_user_instances",  NULL       },
    { "host.inotify.watches",   "sys/fs/inotify/max_user_watches",    NULL       },
    { "host.conntrack.max",     "sys/net/netfilter/nf_conntrack_max",
     "connection tracking is not loaded: 'modprobe nf_conntrack' shows its limit"},
    { "host.keys.root_maxkeys", "sys/kernel/keys/root_maxkeys",
     "this kernel has no key rings (CONFIG_KEYS)"                                },
    { "host.pid_max",           "sys/kernel/pid_max",                 NULL       },
    { "host.nofile",            "sys/fs/nr_open",                     NULL       },
};

static void ceilings_state_row(int proc_fd, const struct ceilings_row *row, struct facts *f)
{
    uint64_t value = 0;
    struct err e;
    bool there = faccessat(proc_fd, row->path, F_OK, 0) == 0;
    if (!file_u64_at(proc_fd, row->path, &value, &e))
        (void)facts_set_number(f, row->fact, (double)value, UNIT_COUNT, NULL);
    else
        (void)facts_set_unknown(f, row->fact, !there && row->missing ? row->missing : e.msg);
}

void ceilings_state(int proc_fd, struct facts *f)
{
    char line[16];
    struct err e;
    for (size_t i = 0; i < sizeof ceilings_rows / sizeof ceilings_rows[0]; i++)
        ceilings_state_row(proc_fd, &ceilings_rows[i], f);
    if (file_line_at(proc_fd, "sys/net/ipv4/ip_forward", line, sizeof line, &e))
        (void)facts_set_unknown(f, "host.ip_forward", e.msg);
    else
        (void)facts_set_text(f, "host.ip_forward", line, NULL);
}
