#include "probes/net/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    CONFINE_NAME_BYTES = 4096,
    /* SOURCE: Linux Documentation/admin-guide/sysctl/kernel.rst, overflowuid and overflowgid. */
    CONFINE_NOBODY = 65534,
};

/* A host without a list of users, as in a small container, has nobody all the same. */
static int find_missing(const char *name, int code, struct confine_user *u, struct err *e)
{
    if (strcmp(name, "nobody") == 0) {
        *u = (struct confine_user){ .uid = CONFINE_NOBODY, .gid = CONFINE_NOBODY };
        return 0;
    }
    if (code)
        return err_set(e, err_kind_of(code), code, "look for user '%.80s'", name);
    return err_set(e, ERR_USAGE, 0, "this host has no user '%.80s'; name another with --user",
                   name);
}

int confine_find_user(const char *name, struct confine_user *u, struct err *e)
{
    char text[CONFINE_NAME_BYTES];
    struct passwd entry;
    struct passwd *found = NULL;
    int code = getpwnam_r(name, &entry, text, sizeof text, &found);
    if (!found)
        return find_missing(name, code, u, e);
    if (found->pw_uid == 0)
        return err_set(e, ERR_USAGE, 0, "--user %.80s is root, which is what is given up", name);
    *u = (struct confine_user){ .uid = found->pw_uid, .gid = found->pw_gid };
    return 0;
}

static int become(const struct confine_user *u)
{
    if (setgroups(0, NULL) && errno != EPERM) /* a user namespace may deny it */
        return -1;
    return setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid) ? -1 : 0;
}

int confine_drop_root(const struct confine_user *u, bool *is_root, struct err *e)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
    *is_root = geteuid() == 0;
    capng_clear(CAPNG_SELECT_ALL);
    if (*is_root) {
        (void)capng_apply(CAPNG_SELECT_BOUNDS); /* while we may; fails in some containers */
        if (become(u) == 0)
            *is_root = false;
        else if (errno != EINVAL) /* not: a user namespace that does not know the user */
            return err_set(e, ERR_DENIED, errno, "become user %u", (unsigned)u->uid);
    }
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return err_set(e, ERR_DENIED, errno, "give up capabilities");
    return 0;
}

/* Packets, time, words to standard error and output, memory, the end. */
static const int confine_allowed[] = {
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(ppoll),
    SCMP_SYS(poll),
    SCMP_SYS(getsockopt),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    /* Of no use to an intruder, and a sanitizer's run-time asks for them on every way out. */
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* Those of 32-bit systems with 64-bit times. */
    SCMP_SYS(recvmmsg_time64),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_adjtime64),
    SCMP_SYS(futex_time64),
};

static const int confine_deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(mprotect),
    SCMP_SYS(memfd_create),
    SCMP_SYS(bpf),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
};

static int add_rules(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof confine_allowed / sizeof confine_allowed[0]; i++) {
        int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, confine_allowed[i], 0);
        if (code)
            return code;
    }
    for (size_t i = 0; i < sizeof confine_deadly / sizeof confine_deadly[0]; i++) {
        int code = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, confine_deadly[i], 0);
        if (code)
            return code;
    }
    /* Memory, but none that can run. */
    const struct scmp_arg_cmp quiet = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, quiet);
    return code ? code : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap2), 1, quiet);
}

int confine_calls(struct err *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for a filter of system calls");
    int code = add_rules(filter);
    if (!code)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code ? err_set(e, ERR_UNSUPPORTED, -code, "filter system calls") : 0;
}
