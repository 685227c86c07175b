#include "probes/host/feats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/host/netlink.h"
#include "probes/kit/auto.h"
#include "probes/kit/file.h"

static int feats_unshare(int flag, const char *what, struct err *e)
{
    if (unshare(flag))
        return err_set(e, err_kind_of(errno), errno, "make %s namespace", what);
    return 0;
}

int feats_namespace(struct attempt *a, struct err *e)
{
    const int *flag = a->arg;
    if (feats_unshare(*flag, "the", e))
        return -1;
    if (*flag != CLONE_NEWPID)
        return 0;
    int status = 0;
    pid_t first = fork();
    if (first == 0)
        _exit(getpid() == 1 ? 0 : 1);
    if (first < 0 || waitpid(first, &status, 0) != first || status != 0)
        return err_set(e, ERR_UNSUPPORTED, first < 0 ? errno : 0,
                       "make a first process in the namespace");
    return 0;
}

static int feats_make_dirs(int dirfd, struct err *e)
{
    static const char *const names[] = { "lower", "upper", "work", "merged", NULL };
    for (unsigned i = 0; names[i]; i++) {
        if (mkdirat(dirfd, names[i], 0700))
            return err_set(e, err_kind_of(errno), errno, "make a directory for the overlay");
    }
    AUTO_CLOSE int fd = openat(dirfd, "lower/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? err_set(e, err_kind_of(errno), errno, "make a file for the overlay") : 0;
}

/* Overlayfs cannot work where readdir does not tell types: xfs made with ftype=0. */
static int feats_check_types(int dirfd, struct err *e)
{
    bool typed = true;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        auto_close_fd(&fd);
        return err_set(e, err_kind_of(errno), errno, "list the scratch directory");
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) // NOLINT(concurrency-mt-unsafe)
        typed = typed && (d->d_name[0] == '.' || d->d_type != DT_UNKNOWN);
    (void)closedir(dir);
    if (!typed)
        return err_set(e, ERR_UNSUPPORTED, 0,
                       "this filesystem keeps no file types in its directories, which overlays "
                       "need: an xfs has to be made anew with 'mkfs.xfs -n ftype=1'");
    return 0;
}

/* By the working directory: it moved into the new mount namespace, and a descriptor does not. */
static int feats_check_whiteout(struct err *e)
{
    struct stat st;
    if (unlinkat(AT_FDCWD, "merged/file", 0))
        return err_set(e, err_kind_of(errno), errno, "delete a lower file through the overlay");
    if (fstatat(AT_FDCWD, "upper/file", &st, AT_SYMLINK_NOFOLLOW) || !S_ISCHR(st.st_mode) ||
        st.st_rdev != 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "the overlay left no whiteout for a deleted file");
    return 0;
}

int feats_overlay(struct attempt *a, struct err *e)
{
    if (mkdirat(a->scratch_fd, "overlay", 0700))
        return err_set(e, err_kind_of(errno), errno, "make a directory for the overlay");
    AUTO_CLOSE int fd = openat(a->scratch_fd, "overlay", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fchdir(fd))
        return err_set(e, err_kind_of(errno), errno, "enter a directory for the overlay");
    if (feats_make_dirs(fd, e) || feats_check_types(fd, e) ||
        feats_unshare(CLONE_NEWNS, "a mount", e))
        return -1;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return err_set(e, err_kind_of(errno), errno, "make the mounts of a namespace private");
    if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work"))
        return err_set(e, err_kind_of(errno), errno, "mount an overlay");
    int failed = feats_check_whiteout(e);
    (void)umount2("merged", MNT_DETACH);
    return failed;
}

int feats_veth(struct attempt *a, struct err *e)
{
    struct netlink n;
    (void)a;
    if (feats_unshare(CLONE_NEWNET, "a network", e))
        return -1;
    netlink_veth(&n, "plimsoll0", "plimsoll1");
    return netlink_ask(&n, NETLINK_ROUTE, e) ? err_wrap(e, "make a veth pair") : 0;
}

int feats_nft(struct attempt *a, struct err *e)
{
    struct netlink n;
    (void)a;
    if (feats_unshare(CLONE_NEWNET, "a network", e))
        return -1;
    netlink_tables(&n);
    return netlink_ask(&n, NETLINK_NETFILTER, e) ? err_wrap(e, "list the nftables") : 0;
}

int feats_iptables(struct attempt *a, struct err *e)
{
    struct ipt_getinfo info = { .name = "filter" };
    socklen_t size = sizeof info;
    (void)a;
    if (feats_unshare(CLONE_NEWNET, "a network", e))
        return -1;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open a raw socket");
    if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size))
        return err_set(e, err_kind_of(errno), errno, "ask for the legacy iptables filter table");
    return 0;
}

int feats_xattr(struct attempt *a, struct err *e)
{
    const char *kind = a->arg;
    char name[32];
    /* CAP_NET_BIND_SERVICE, permitted: what ping or a web server in an image carry. */
    struct vfs_cap_data capability = { .magic_etc = VFS_CAP_REVISION_2,
                                       .data = { { .permitted = 1U << CAP_NET_BIND_SERVICE } } };
    bool is_security = strcmp(kind, "security") == 0;
    (void)snprintf(name, sizeof name, "%s.%s", kind, is_security ? "capability" : "plimsoll");
    AUTO_CLOSE int fd = openat(a->scratch_fd, kind, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "make a file for an attribute");
    int failed = is_security ? fsetxattr(fd, name, &capability, sizeof capability, 0)
                             : fsetxattr(fd, name, "1", 1, 0);
    if (failed)
        (void)err_set(e, err_kind_of(errno), errno, "set %s", name);
    (void)unlinkat(a->scratch_fd, kind, 0);
    return failed;
}

int feats_mknod(struct attempt *a, struct err *e)
{
    static const unsigned devices[][2] = {
        {0,  0},
        { 1, 3}
    };
    for (unsigned i = 0; i < 2; i++) {
        dev_t device = makedev(devices[i][0], devices[i][1]);
        if (mknodat(a->scratch_fd, "node", S_IFCHR | 0600, device))
            return err_set(e, err_kind_of(errno), errno, "make the character device %u:%u",
                           devices[i][0], devices[i][1]);
        (void)unlinkat(a->scratch_fd, "node", 0);
    }
    return 0;
}

int feats_conntrack(struct attempt *a, struct err *e)
{
    static const char path[] = "sys/net/netfilter/nf_conntrack_max";
    char value[32];
    if (faccessat(a->proc_fd, path, F_OK, 0))
        return err_set(e, ERR_NO_RESOURCE, 0,
                       "connection tracking is not loaded; after 'modprobe nf_conntrack' it can "
                       "be tried");
    if (file_line_at(a->proc_fd, path, value, sizeof value, e))
        return -1;
    AUTO_CLOSE int fd = openat(a->proc_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open nf_conntrack_max for writing");
    return file_write_all(fd, value, strlen(value), e) ? err_wrap(e, "nf_conntrack_max") : 0;
}
