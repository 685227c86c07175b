#include "probes/image/placer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/kit/clk.h"
#include "probes/kit/file.h"

/* SOURCE: OCI image specification, layer.md; names with two marks are AUFS' own and ignored, but
 * for the opaque one. */
#define PLACER_MARK        ".wh."
#define PLACER_META_MARK   ".wh..wh."
#define PLACER_OPAQUE_NAME ".wh..wh..opq"
/* SOURCE: Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
#define PLACER_OPAQUE_XATTR "trusted.overlay.opaque"
/* SOURCE: acl(5), "object creation and default ACLs": it takes the place of the umask. */
#define PLACER_DEFAULT_ACL "system.posix_acl_default"

enum {
    PLACER_PROC_BYTES = 32 /* "/proc/self/fd/N/" */
};

int placer_start(struct placer *p, int dir_fd, const struct placer_site *site,
                 const struct apply_limits *limits, struct apply_count *count, struct err *e)
{
    p->bytes_max = limits->bytes ? limits->bytes : APPLY_BYTES_MAX;
    p->quota = apply_quota(limits);
    p->count = count;
    p->root_fd = dir_fd;
    p->below = site->below;
    p->file_bytes = 0;
    p->uid = geteuid();
    p->gid = getegid();
    p->is_exact = fgetxattr(dir_fd, PLACER_DEFAULT_ACL, NULL, 0) < 0;
    p->fd = -1;
    p->targets.count = 0;
    if (trail_start(&p->trail, dir_fd, e))
        return -1;
    p->trail.heirs = site->heirs;
    p->trail.layer = site->below;
    return 0;
}

void placer_stop(struct placer *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    trail_release(&p->trail);
    trail_release(&p->targets);
}

static int placer_fail(const char *what, struct err *e)
{
    return err_set(e, err_kind_of(errno), errno, "%s", what);
}

static int placer_skip(struct placer *p, enum apply_skip skip)
{
    p->count->skipped[skip]++;
    return 0;
}

/* Whatever has the entry's name goes, as later entries replace earlier ones. */
static int placer_make_way(struct placer *p, struct err *e)
{
    trail_release(&p->targets);
    return file_remove_tree_at(p->at->fd, p->name.last, e)
               ? err_wrap(e, "replace what has its name")
               : 0;
}

/* What is made here belongs to us; whose is it to be? False when it is so already, or cannot be. */
static bool placer_gives_away(struct placer *p, const struct untar_entry *entry)
{
    bool is_ours = entry->uid == p->uid && entry->gid == p->gid;
    if (is_ours && (p->at->is_plain || p->uid != 0))
        return false;
    bool is_possible = p->uid == 0 && entry->uid < UINT32_MAX && entry->gid < UINT32_MAX;
    if (!is_possible)
        (void)placer_skip(p, APPLY_OWNER);
    return is_possible;
}

/* After a chown that failed: not allowed here is one thing, a broken disk another. */
static int placer_owner_failed(struct placer *p, struct err *e)
{
    if (errno != EPERM && errno != EINVAL && errno != EOVERFLOW)
        return placer_fail("set the owner", e);
    return placer_skip(p, APPLY_OWNER);
}

static int placer_owner(struct placer *p, const struct untar_entry *entry, int fd, struct err *e)
{
    if (!placer_gives_away(p, entry) || fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) == 0)
        return 0;
    return placer_owner_failed(p, e);
}

/* By a descriptor; or, where there is none (-1), by the entry's name, which is not followed. */
static int placer_set_xattr(const struct placer *p, int fd, const struct xattr *x)
{
    char path[PLACER_PROC_BYTES + PATH_MAX];
    if (fd >= 0)
        return fsetxattr(fd, x->name, x->value, x->size, 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", p->at->fd, p->name.last);
    return lsetxattr(path, x->name, x->value, x->size, 0);
}

static int placer_xattr(struct placer *p, int fd, const struct xattr *x, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    if (strncmp(x->name, "trusted.", 8) == 0) /* the administrator's, as in apply */
        return placer_skip(p, APPLY_XATTR);
    p->is_exact = p->is_exact && strcmp(x->name, PLACER_DEFAULT_ACL) != 0;
    if (placer_set_xattr(p, fd, x) == 0)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS)
        return err_set(e, err_kind_of(errno), errno, "set the attribute '%s'",
                       beneath_show(x->name, shown));
    return placer_skip(p, APPLY_XATTR);
}

static int placer_xattrs(struct placer *p, const struct untar_entry *entry, int fd, struct err *e)
{
    struct xattr x;
    size_t at = 0;
    while (xattrs_next(entry->xattrs, entry->xattrs_size, &at, &x)) {
        if (placer_xattr(p, fd, &x, e))
            return -1;
    }
    return 0;
}

static int placer_owner_named(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (!placer_gives_away(p, entry) || fchownat(p->at->fd, p->name.last, (uid_t)entry->uid,
                                                 (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return placer_owner_failed(p, e);
}

/* Owner, attributes, mode and times of what cannot be opened: symlinks and nodes. */
static int placer_stamp_named(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    const char *last = p->name.last;
    int fd = p->at->fd;
    bool sets_mode = entry->type != UNTAR_SYMLINK;
    if (placer_owner_named(p, entry, e) || placer_xattrs(p, entry, -1, e))
        return -1;
    /* fchmodat follows links; what was just made as a node is none. */
    if (sets_mode && fchmodat(fd, last, entry->mode, 0))
        return placer_fail("set the mode", e);
    if (utimensat(fd, last, p->times, AT_SYMLINK_NOFOLLOW))
        return placer_fail("set the times", e);
    return 0;
}

static int placer_allow_size(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (entry->size > p->bytes_max - p->file_bytes)
        return err_set(e, ERR_DATA, 0, "its %llu bytes exceed the %llu MiB that a layer may have",
                       (unsigned long long)entry->size, (unsigned long long)(p->bytes_max >> 20));
    p->file_bytes += entry->size;
    return 0;
}

/* Created with the mode it is to have, but where something must be written that this forbids, or
 * where later calls would take bits away. */
static int placer_file(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    /* O_EXCL follows no link, so that none planted there is written through. */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = (entry->mode & 01777) | (entry->xattrs_size ? 0600 : 0);
    if (placer_allow_size(p, entry, e))
        return -1;
    p->sets_mode = mode != entry->mode || !p->is_exact;
    p->fd = openat(p->at->fd, p->name.last, flags, mode);
    if (p->fd < 0 && errno == EEXIST) {
        if (placer_make_way(p, e))
            return -1;
        p->fd = openat(p->at->fd, p->name.last, flags, mode);
    }
    return p->fd < 0 ? placer_fail("create it", e) : 0;
}

/* Makes something by name; a second time when what had that name is gone. */
static int placer_make(struct placer *p, const struct untar_entry *entry,
                       int (*make)(const struct placer *p, const struct untar_entry *entry),
                       struct err *e)
{
    if (make(p, entry) == 0)
        return 0;
    if (errno == EEXIST) {
        if (placer_make_way(p, e))
            return -1;
        if (make(p, entry) == 0)
            return 0;
    }
    return placer_fail("create it", e);
}

static int placer_make_symlink(const struct placer *p, const struct untar_entry *entry)
{
    return symlinkat(entry->link, p->at->fd, p->name.last);
}

static int placer_make_node(const struct placer *p, const struct untar_entry *entry)
{
    static const mode_t types[UNTAR_TYPES] = {
        [UNTAR_CHAR] = S_IFCHR, [UNTAR_BLOCK] = S_IFBLK, [UNTAR_FIFO] = S_IFIFO
    };
    return mknodat(p->at->fd, p->name.last, types[entry->type] | 0600,
                   makedev(entry->major, entry->minor));
}

static int placer_make_whiteout(const struct placer *p, const struct untar_entry *entry)
{
    (void)entry;
    return mknodat(p->at->fd, p->name.last, S_IFCHR, makedev(0, 0));
}

static int placer_make_dir(const struct placer *p, const struct untar_entry *entry)
{
    return mkdirat(p->at->fd, p->name.last, (entry->mode & 01777) | 0700);
}

/* What a node needs may be forbidden here: then it is left out and counted. */
static int placer_excuse(struct placer *p, enum apply_skip skip, struct err *e)
{
    if (e->sys != EPERM)
        return -1;
    *e = (struct err){ 0 };
    return placer_skip(p, skip);
}

static int placer_symlink(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    return placer_make(p, entry, placer_make_symlink, e) ? -1 : placer_stamp_named(p, entry, e);
}

static int placer_node(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (placer_make(p, entry, placer_make_node, e))
        return placer_excuse(p, APPLY_DEVICE, e);
    return placer_stamp_named(p, entry, e);
}

static int placer_whiteout(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    p->name.last += sizeof PLACER_MARK - 1;
    if (*p->name.last == '\0' || strcmp(p->name.last, ".") == 0 || strcmp(p->name.last, "..") == 0)
        return err_set(e, ERR_DATA, 0, "it deletes nothing that has a name");
    if (p->below == 0)
        return placer_make_way(p, e);
    if (placer_make(p, entry, placer_make_whiteout, e))
        return placer_excuse(p, APPLY_WHITEOUT, e);
    return placer_owner_named(p, entry, e);
}

static int placer_opaque(struct placer *p, struct err *e)
{
    if (p->below == 0)
        return 0;
    if (fsetxattr(p->at->fd, PLACER_OPAQUE_XATTR, "y", 1, 0) == 0)
        return 0;
    if (errno != EPERM && errno != ENOTSUP)
        return placer_fail("set " PLACER_OPAQUE_XATTR, e);
    return placer_skip(p, APPLY_OPAQUE);
}

/* A new one, or the one that is there; the trail then ends in it. */
static struct trail_step *placer_enter_dir(struct placer *p, const struct untar_entry *entry,
                                           struct err *e)
{
    if (placer_make_dir(p, entry) == 0)
        return trail_descend(&p->trail, &p->name, true);
    if (errno != EEXIST)
        return NULL;
    struct trail_step *s = trail_descend(&p->trail, &p->name, false);
    if (s || (errno != ENOTDIR && errno != ELOOP))
        return s;
    if (placer_make_way(p, e) || placer_make_dir(p, entry))
        return NULL;
    return trail_descend(&p->trail, &p->name, true);
}

/* What the entry says is set when the directory is left. */
static int placer_dir(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    bool gives_away = placer_gives_away(p, entry);
    bool was_plain = p->at->is_plain;
    struct trail_step *s = placer_enter_dir(p, entry, e);
    if (!s)
        return e->kind != ERR_NONE ? -1 : placer_fail("create it", e);
    if (gives_away && fchown(s->fd, (uid_t)entry->uid, (gid_t)entry->gid) &&
        placer_owner_failed(p, e))
        return -1;
    s->is_plain = entry->gid == p->gid && was_plain;
    s->mode = entry->mode;
    s->sets_mode = true;
    s->times[0] = p->times[0];
    s->times[1] = p->times[1];
    s->has_times = true;
    s->is_changed = true;
    return trail_list(&p->trail, e) || placer_xattrs(p, entry, s->fd, e) ? -1 : 0;
}

static int placer_link_to(struct placer *p, const struct beneath_name *to, struct err *e)
{
    if (p->targets.count == 0 && trail_start(&p->targets, p->root_fd, e))
        return -1;
    struct trail_step *from = trail_enter(&p->targets, to, NULL, e);
    if (!from)
        return -1;
    return linkat(from->fd, to->last, p->at->fd, p->name.last, 0)
               ? err_set(e, errno == ENOENT ? ERR_DATA : err_kind_of(errno), errno, "make it")
               : 0;
}

/* What the entry says is of the file that has the name now, as in apply; it may be somebody's. */
static int placer_stamp_link(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    struct stat st;
    const char *last = p->name.last;
    if (fstatat(p->at->fd, last, &st, AT_SYMLINK_NOFOLLOW))
        return placer_fail("look at it", e);
    bool is_so = st.st_uid == entry->uid && st.st_gid == entry->gid;
    if (!is_so && p->uid != 0)
        (void)placer_skip(p, APPLY_OWNER);
    else if (!is_so &&
             fchownat(p->at->fd, last, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) &&
             placer_owner_failed(p, e))
        return -1;
    if (placer_xattrs(p, entry, -1, e))
        return -1;
    bool has_mode = S_ISLNK(st.st_mode) || (is_so && (st.st_mode & 07777) == entry->mode);
    if (!has_mode && fchmodat(p->at->fd, last, entry->mode, 0))
        return placer_fail("set the mode", e);
    return utimensat(p->at->fd, last, p->times, AT_SYMLINK_NOFOLLOW)
               ? placer_fail("set the times", e)
               : 0;
}

static int placer_hardlink(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    struct beneath_name to;
    char shown[BENEATH_SHOWN_BYTES];
    if (beneath_name(entry->link, &to, e) ||
        (*to.last == '\0' && err_set(e, ERR_DATA, 0, "no name")))
        return err_wrap(e, "link to '%s'", beneath_show(entry->link, shown));
    int failed = placer_link_to(p, &to, e);
    if (failed && e->sys == EEXIST) { /* by itself: then there is nothing to link to */
        if (placer_make_way(p, e))
            return -1;
        failed = placer_link_to(p, &to, e);
    }
    /* A directory that its owner must not enter is closed again. */
    if (p->uid != 0 && !failed)
        failed = trail_leave(&p->targets, e);
    if (failed)
        return err_wrap(e, "link to '%s'", beneath_show(entry->link, shown));
    return placer_stamp_link(p, entry, e);
}

/* Modification and access as the header says; access is not older than modification. */
static void placer_times(struct placer *p, const struct untar_entry *entry)
{
    p->times[0] = entry->mtime;
    p->times[1] = entry->mtime;
    if (entry->has_atime && entry->atime.tv_sec > entry->mtime.tv_sec)
        p->times[0] = entry->atime;
}

static int placer_named(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    static int (*const places[UNTAR_TYPES])(struct placer *, const struct untar_entry *,
                                            struct err *) = {
        [UNTAR_FILE] = placer_file,       [UNTAR_HARDLINK] = placer_hardlink,
        [UNTAR_SYMLINK] = placer_symlink, [UNTAR_CHAR] = placer_node,
        [UNTAR_BLOCK] = placer_node,      [UNTAR_DIR] = placer_dir,
        [UNTAR_FIFO] = placer_node,
    };
    const char *last = p->name.last;
    if (*last == '\0' && entry->type != UNTAR_DIR)
        return err_set(e, ERR_DATA, 0, "it would replace the directory itself");
    if (*last == '\0') /* the directory itself is the runtime's and no entry's */
        return 0;
    p->at = trail_enter(&p->trail, &p->name, &p->quota, e);
    if (!p->at)
        return -1;
    if (strcmp(last, PLACER_OPAQUE_NAME) == 0)
        return placer_opaque(p, e);
    if (strncmp(last, PLACER_META_MARK, sizeof PLACER_META_MARK - 1) == 0)
        return 0;
    p->at->is_changed = true;
    if (strncmp(last, PLACER_MARK, sizeof PLACER_MARK - 1) == 0)
        return placer_whiteout(p, entry, e);
    return places[entry->type](p, entry, e);
}

static int placer_wrap(const struct untar_entry *entry, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    return err_wrap(e, "entry '%s'", beneath_show(entry->path, shown));
}

int placer_entry(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    *e = (struct err){ 0 };
    placer_times(p, entry);
    if (quota_take(&p->quota, e) || beneath_name(entry->path, &p->name, e) ||
        placer_named(p, entry, e))
        return placer_wrap(entry, e);
    p->count->entries++;
    return 0;
}

static int placer_write(int fd, const struct untar_piece *piece, struct err *e)
{
    for (size_t done = 0; done < piece->size;) {
        ssize_t n =
            pwrite(fd, piece->bytes + done, piece->size - done, (off_t)(piece->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return placer_fail("write its content", e);
        done += (size_t)n;
    }
    return 0;
}

int placer_content(struct placer *p, const struct untar_entry *entry,
                   const struct untar_piece *piece, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (p->fd < 0) /* a mark: its content is nobody's */
        return 0;
    if (placer_write(p->fd, piece, e))
        return placer_wrap(entry, e);
    p->count->written_bytes += piece->size;
    p->data_ns += clk_now_ns() - began_ns;
    return 0;
}

static int placer_seal(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    /* A sparse file may have a hole at its end. */
    if (entry->is_sparse && ftruncate(p->fd, (off_t)entry->size))
        return placer_fail("set its size", e);
    if (placer_owner(p, entry, p->fd, e) || placer_xattrs(p, entry, p->fd, e))
        return -1;
    if (p->sets_mode && fchmod(p->fd, entry->mode))
        return placer_fail("set the mode", e);
    return futimens(p->fd, p->times) ? placer_fail("set the times", e) : 0;
}

int placer_entry_end(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (p->fd < 0)
        return 0;
    if (placer_seal(p, entry, e))
        return placer_wrap(entry, e);
    int failed = close(p->fd);
    p->fd = -1;
    if (!failed)
        return 0;
    (void)placer_fail("close it", e);
    return placer_wrap(entry, e);
}

int placer_finish(struct placer *p, struct err *e)
{
    return trail_leave(&p->targets, e) || trail_leave(&p->trail, e) ? -1 : 0;
}
