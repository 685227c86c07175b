#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/host/attempt.h"
#include "probes/host/feats.h"
#include "probes/host/host.h"
#include "probes/host/subgroup.h"
#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

#define HOST_TRY_DEADLINE_NS (2 * (uint64_t)CLK_NS_PER_S)

static const struct fact_row host_try_facts[] = {
    HOST_LIST("host.try.namespaces", "Kinds of namespaces that could be made."),
    HOST_TEXT("host.try.overlay",
              "Whether an overlay could be mounted below --dir, and a deletion left a whiteout."),
    HOST_TEXT("host.try.veth", "Whether a veth pair could be made."),
    HOST_TEXT("host.try.nft", "Whether nftables answers."),
    HOST_TEXT("host.try.iptables", "Whether the legacy iptables answers."),
    HOST_TEXT("host.try.cgroup",
              "Whether a limit could be set in a new control group, and a process moved there."),
    HOST_TEXT("host.try.mknod", "Whether device nodes could be made below --dir."),
    HOST_TEXT("host.try.conntrack", "Whether nf_conntrack_max may be set, as kube-proxy does."),
    HOST_LIST("host.try.xattrs", "Kinds of extended attributes that could be set below --dir."),
    FACT_END,
};

/* One word of a list fact, or, with an empty word, a fact of its own. */
struct host_try_row {
    const char *word;
    const char *fact;
    attempt_body *body;
    const void *arg;
    const char *remedy;
};

static const int host_try_flags[] = { CLONE_NEWNS,  CLONE_NEWPID,  CLONE_NEWNET,   CLONE_NEWIPC,
                                      CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWCGROUP };

static const struct host_try_row host_try_namespaces[] = {
    {"mnt",     NULL, feats_namespace, &host_try_flags[0], NULL},
    { "pid",    NULL, feats_namespace, &host_try_flags[1], NULL},
    { "net",    NULL, feats_namespace, &host_try_flags[2], NULL},
    { "ipc",    NULL, feats_namespace, &host_try_flags[3], NULL},
    { "uts",    NULL, feats_namespace, &host_try_flags[4], NULL},
    { "user",   NULL, feats_namespace, &host_try_flags[5], NULL},
    { "cgroup", NULL, feats_namespace, &host_try_flags[6], NULL},
    { NULL,     NULL, NULL,            NULL,               NULL},
};

static const struct host_try_row host_try_xattrs[] = {
    {"user",      NULL, feats_xattr, "user",     NULL},
    { "trusted",  NULL, feats_xattr, "trusted",  NULL},
    { "security", NULL, feats_xattr, "security", NULL},
    { NULL,       NULL, NULL,        NULL,       NULL},
};

static const struct host_try_row host_try_single[] = {
    {NULL,  "host.try.overlay",   feats_overlay,   NULL,
     "it needs the module 'overlay', a --dir on ext4 or xfs and, in a container, "
      "permission from outside"                                                            },
    { NULL, "host.try.veth",      feats_veth,      NULL,
     "it needs the module 'veth' and, in a container, permission from outside"             },
    { NULL, "host.try.nft",       feats_nft,       NULL,
     "it needs the module 'nf_tables' and, in a container, permission from outside; "
      "the legacy iptables may serve instead"                                              },
    { NULL, "host.try.iptables",  feats_iptables,  NULL,
     "it needs the module 'iptable_filter' and, in a container, permission from outside; "
      "nftables may serve instead"                                                         },
    { NULL, "host.try.cgroup",    subgroup_try,    NULL,
     "it needs control groups mounted writable and, in a container, delegated from outside"},
    { NULL, "host.try.mknod",     feats_mknod,     NULL,
     "device nodes are forbidden here: image layers with some will not unpack"             },
    { NULL, "host.try.conntrack", feats_conntrack, NULL,
     "it has to be set from outside, and kube-proxy told to leave it "
      "(--conntrack-max-per-core=0)"                                                       },
    { NULL, NULL,                 NULL,            NULL, NULL                              },
};

/* Whether the answer is about us and the moment, and says nothing of the host. */
static bool host_try_is_open(const struct err *e)
{
    return e->kind == ERR_TIMEOUT || e->kind == ERR_INTERRUPTED || e->kind == ERR_NO_RESOURCE;
}

static int host_try_once(struct probe_run *run, const struct host_try_row *row, struct attempt *a,
                         struct err *e)
{
    if (run->slot_end_ns && clk_now_ns() + HOST_TRY_DEADLINE_NS > run->slot_end_ns)
        return err_set(e, ERR_TIMEOUT, 0, "not tried: others hung, and no time was left");
    *a = (struct attempt){ .proc_fd = run->site->proc_fd,
                           .scratch_fd = run->scratch_fd,
                           .arg = row->arg };
    return attempt_run(a, row->body, HOST_TRY_DEADLINE_NS, run->stopping, e);
}

static void host_try_state(struct probe_run *run, const struct host_try_row *row)
{
    struct facts *f = &run->result->facts;
    char reason[LIMITS_TEXT_BYTES];
    struct attempt a = { 0 };
    struct err e = { 0 };
    if (!host_try_once(run, row, &a, &e)) {
        (void)facts_set_text(f, row->fact, "yes", a.remark[0] ? a.remark : NULL);
        return;
    }
    bool open = host_try_is_open(&e);
    (void)snprintf(reason, sizeof reason, "%s%s%s", e.msg, open ? "" : "; ",
                   open ? "" : row->remedy);
    if (open)
        (void)facts_set_unknown(f, row->fact, reason);
    else
        (void)facts_set_text(f, row->fact, "no", reason);
}

/* The words whose attempt succeeded; the reasons of the others. */
static void host_try_state_list(struct probe_run *run, const char *fact,
                                const struct host_try_row *rows)
{
    AUTO(buf) struct buf words = { 0 };
    AUTO(buf) struct buf reasons = { 0 };
    for (; rows->word; rows++) {
        struct attempt a = { 0 };
        struct err e = { 0 };
        if (!host_try_once(run, rows, &a, &e))
            buf_addf(&words, "%s%s", words.size ? " " : "", rows->word);
        else
            buf_addf(&reasons, "%s%s: %s", reasons.size ? "; " : "", rows->word, e.msg);
    }
    (void)facts_set_list(&run->result->facts, fact, buf_text(&words),
                         reasons.size ? buf_text(&reasons) : NULL);
}

/* A name of /proc/modules that was not in the table before: the kernel loaded it for us. */
static void host_try_compare(const char *before, const char *after, struct buf *words)
{
    char name[64];
    while (*after) {
        int n = (int)strcspn(after, " \n");
        (void)snprintf(name, sizeof name, "\n%.*s ", n < 60 ? n : 60, after);
        if (!strstr(before, name) && strncmp(before, name + 1, strlen(name) - 1) != 0)
            buf_addf(words, "%s%.*s", words->size ? " " : "", n, after);
        after += strcspn(after, "\n");
        after += *after != '\0';
    }
}

static void host_try_note_modules(struct probe_run *run, const struct buf *before)
{
    AUTO(buf) struct buf after = { 0 };
    AUTO(buf) struct buf words = { 0 };
    struct err ignored;
    if (file_read_at(run->site->proc_fd, "modules", &after, &ignored))
        return;
    host_try_compare(buf_text(before), buf_text(&after), &words);
    if (words.size)
        result_note(run->result, "The kernel loaded modules meanwhile, and keeps them: %s.",
                    buf_text(&words));
}

static int host_try_measure(struct probe_run *run, struct err *e)
{
    AUTO(buf) struct buf before = { 0 };
    struct err ignored;
    (void)e;
    if (geteuid() != 0) {
        for (const struct fact_row *row = host_try_facts; row->name; row++)
            (void)facts_set_unknown(&run->result->facts, row->name,
                                    "not tried: needs root; run as root or with sudo");
        return 0;
    }
    (void)file_read_at(run->site->proc_fd, "modules", &before, &ignored);
    host_try_state_list(run, "host.try.namespaces", host_try_namespaces);
    for (const struct host_try_row *row = host_try_single; row->fact; row++)
        host_try_state(run, row);
    host_try_state_list(run, "host.try.xattrs", host_try_xattrs);
    host_try_note_modules(run, &before);
    return 0;
}

const struct probe host_try = {
    .name = "host.try",
    .title = "What this kernel lets root do",
    .why = "A config option says what was built, not what is allowed: a container runtime needs "
           "each of these to succeed.",
    .source = "kubernetes kernel requirements; containerd overlay snapshotter (d_type); kube-proxy "
              "(conntrack); the preflight checks of kubeadm; unprivileged LXC reports",
    .needs = PROBE_NEEDS_SCRATCH,
    .place = "images",
    .effects = PROBE_TRIES_KERNEL,
    .facts = host_try_facts,
    .measure = host_try_measure,
};
