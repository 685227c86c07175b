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

/* SOURCE: acl(5), "object creation and default ACLs": it takes the place of the umask. */
#define PLACER_DEFAULT_ACL "system.posix_acl_default"

enum {
    PLACER_PROC_BYTES = 32 /* "/proc/self/fd/N/" */
};

int placer_start(struct placer *p, int dir_fd, const struct placer_site *site,
                 const struct rules_limits *limits, struct rules_count *count, struct err *e)
{
    p->bytes_max = rules_bytes(limits);
    p->quota = rules_quota(limits);
    p->count = count;
    p->batch = site->batch;
    p->root_fd = dir_fd;
    p->below = site->below;
    p->file_bytes = 0;
    p->uid = geteuid();
    p->gid = getegid();
    p->is_exact = fgetxattr(dir_fd, PLACER_DEFAULT_ACL, NULL, 0) < 0;
    p->fd = -1;
    p->is_queued = false;
    p->targets.count = 0;
    if (p->batch)
        batch_start(p->batch, count);
    if (trail_start(&p->trail, dir_fd, e))
        return -1;
    p->trail.batch = site->batch;
    p->trail.heirs = site->heirs;
    p->trail.layer = site->below;
    return 0;
}

void placer_stop(struct placer *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    batch_stop(p->batch, !p->is_queued);
    p->is_queued = false;
    p->batch = NULL;
    trail_release(&p->trail);
    trail_release(&p->targets);
}

/* What is queued and has that name is made, before it is linked to or replaced. */
static int placer_await(struct placer *p, const struct beneath_name *name, struct err *e)
{
    return batch_has(p->batch, name->path, strlen(name->path)) ? batch_flush(p->batch, e) : 0;
}

/* Whatever has the entry's name goes, as later entries replace earlier ones. */
static int placer_make_way(struct placer *p, struct err *e)
{
    trail_release(&p->targets);
    if (batch_flush(p->batch, e))
        return -1;
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
    return rules_may_own(entry, p->uid == 0, p->count);
}

static int placer_owner(struct placer *p, const struct untar_entry *entry, int fd, struct err *e)
{
    if (!placer_gives_away(p, entry) || fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) == 0)
        return 0;
    return rules_owner_failed(p->count, e);
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
    if (!rules_is_xattr_allowed(x->name))
        return rules_skip(p->count, RULES_XATTR);
    p->is_exact = p->is_exact && strcmp(x->name, PLACER_DEFAULT_ACL) != 0;
    return placer_set_xattr(p, fd, x) ? rules_xattr_failed(p->count, x->name, e) : 0;
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
    return rules_owner_failed(p->count, e);
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
        return rules_fail("set the mode", e);
    if (utimensat(fd, last, p->times, AT_SYMLINK_NOFOLLOW))
        return rules_fail("set the times", e);
    return 0;
}

/* To be made with others; what is said of it here holds then too. */
static int placer_queue(struct placer *p, const struct untar_entry *entry, mode_t mode,
                        struct err *e)
{
    const struct batch_file file = {
        .path = p->name.path,
        .last = p->name.last,
        .dir_fd = p->at->fd,
        .size = entry->size,
        .mode = mode,
        .last_mode = entry->mode,
        .uid = (uid_t)entry->uid,
        .gid = (gid_t)entry->gid,
        .gives_away = placer_gives_away(p, entry),
        .sets_mode = p->sets_mode,
        .times = {p->times[0], p->times[1]}
    };
    if (batch_add(p->batch, &file, e))
        return -1;
    p->at->queued = p->batch->number;
    p->is_queued = true;
    return 0;
}

/* Created with the mode it is to have, but where something must be written that this forbids, or
 * where later calls would take bits away. */
static int placer_file(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    /* O_EXCL follows no link, so that none planted there is written through. */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = (entry->mode & 01777) | (entry->xattrs_size ? 0600 : 0);
    if (rules_allow_size(entry, p->bytes_max, &p->file_bytes, e))
        return -1;
    p->sets_mode = mode != entry->mode || !p->is_exact;
    if (batch_takes(p->batch, entry))
        return placer_queue(p, entry, mode, e);
    p->fd = openat(p->at->fd, p->name.last, flags, mode);
    if (p->fd < 0 && errno == EEXIST) {
        if (placer_make_way(p, e))
            return -1;
        p->fd = openat(p->at->fd, p->name.last, flags, mode);
    }
    return p->fd < 0 ? rules_fail("create it", e) : 0;
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
    return rules_fail("create it", e);
}

static int placer_make_symlink(const struct placer *p, const struct untar_entry *entry)
{
    return symlinkat(entry->link, p->at->fd, p->name.last);
}

static int placer_make_node(const struct placer *p, const struct untar_entry *entry)
{
    return mknodat(p->at->fd, p->name.last, rules_node_type(entry->type) | 0600,
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
static int placer_excuse(struct placer *p, enum rules_skip skip, struct err *e)
{
    if (e->sys != EPERM)
        return -1;
    *e = (struct err){ 0 };
    return rules_skip(p->count, skip);
}

static int placer_symlink(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    return placer_make(p, entry, placer_make_symlink, e) ? -1 : placer_stamp_named(p, entry, e);
}

static int placer_node(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (placer_make(p, entry, placer_make_node, e))
        return placer_excuse(p, RULES_DEVICE, e);
    return placer_stamp_named(p, entry, e);
}

static int placer_whiteout(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    if (rules_deleted(&p->name, e) || placer_await(p, &p->name, e))
        return -1;
    if (p->below == 0)
        return placer_make_way(p, e);
    if (placer_make(p, entry, placer_make_whiteout, e))
        return placer_excuse(p, RULES_WHITEOUT, e);
    return placer_owner_named(p, entry, e);
}

static int placer_opaque(struct placer *p, struct err *e)
{
    if (p->below == 0)
        return 0;
    if (fsetxattr(p->at->fd, RULES_OPAQUE_XATTR, "y", 1, 0) == 0)
        return 0;
    return rules_opaque_failed(p->count, e);
}

/* A new one, or the one that is there; the trail then ends in it. */
static struct trail_step *placer_enter_dir(struct placer *p, const struct untar_entry *entry,
                                           struct err *e)
{
    if (placer_make_dir(p, entry) == 0)
        return trail_descend(&p->trail, &p->name, true);
    if (errno != EEXIST || batch_clear(p->batch, p->name.path, strlen(p->name.path), e))
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
        return e->kind != ERR_NONE ? -1 : rules_fail("create it", e);
    if (gives_away && fchown(s->fd, (uid_t)entry->uid, (gid_t)entry->gid) &&
        rules_owner_failed(p->count, e))
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
        return rules_fail("look at it", e);
    bool is_so = st.st_uid == entry->uid && st.st_gid == entry->gid;
    if (!is_so && p->uid != 0)
        (void)rules_skip(p->count, RULES_OWNER);
    else if (!is_so &&
             fchownat(p->at->fd, last, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) &&
             rules_owner_failed(p->count, e))
        return -1;
    if (placer_xattrs(p, entry, -1, e))
        return -1;
    bool has_mode = S_ISLNK(st.st_mode) || (is_so && (st.st_mode & 07777) == entry->mode);
    if (!has_mode && fchmodat(p->at->fd, last, entry->mode, 0))
        return rules_fail("set the mode", e);
    return utimensat(p->at->fd, last, p->times, AT_SYMLINK_NOFOLLOW)
               ? rules_fail("set the times", e)
               : 0;
}

static int placer_hardlink(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    struct beneath_name to;
    if (rules_target(entry, &to, e) || placer_await(p, &to, e))
        return -1;
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
        return rules_wrap_target(entry, e);
    return placer_stamp_link(p, entry, e);
}

static int placer_named(struct placer *p, const struct untar_entry *entry, enum rules_mark mark,
                        struct err *e)
{
    static int (*const places[UNTAR_TYPES])(struct placer *, const struct untar_entry *,
                                            struct err *) = {
        [UNTAR_FILE] = placer_file,       [UNTAR_HARDLINK] = placer_hardlink,
        [UNTAR_SYMLINK] = placer_symlink, [UNTAR_CHAR] = placer_node,
        [UNTAR_BLOCK] = placer_node,      [UNTAR_DIR] = placer_dir,
        [UNTAR_FIFO] = placer_node,
    };
    if (mark == RULES_ROOT)
        return 0;
    p->at = trail_enter(&p->trail, &p->name, &p->quota, e);
    if (!p->at)
        return -1;
    if (mark == RULES_REPLACE)
        return placer_opaque(p, e);
    if (mark == RULES_META)
        return 0;
    if (placer_await(p, &p->name, e))
        return -1;
    p->at->is_changed = true;
    return mark == RULES_DELETE ? placer_whiteout(p, entry, e) : places[entry->type](p, entry, e);
}

/* What failed may be an earlier entry, which then has its name before it already. */
static int placer_wrap(const struct placer *p, const struct untar_entry *entry, struct err *e)
{
    return p->batch && p->batch->has_failed ? -1 : rules_wrap(entry, e);
}

int placer_entry(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    enum rules_mark mark = RULES_NONE;
    *e = (struct err){ 0 };
    rules_times(entry, p->times);
    if (quota_take(&p->quota, e) || rules_name(entry, &p->name, &mark, e) ||
        placer_named(p, entry, mark, e))
        return placer_wrap(p, entry, e);
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
            return rules_fail("write its content", e);
        done += (size_t)n;
    }
    return 0;
}

int placer_content(struct placer *p, const struct untar_entry *entry,
                   const struct untar_piece *piece, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    if (p->is_queued) {
        batch_content(p->batch, piece);
        p->count->written_bytes += piece->size;
        return 0;
    }
    if (p->fd < 0) /* a mark: its content is nobody's */
        return 0;
    if (placer_write(p->fd, piece, e))
        return rules_wrap(entry, e);
    p->count->written_bytes += piece->size;
    p->data_ns += clk_now_ns() - began_ns;
    return 0;
}

static int placer_seal(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    /* A sparse file may have a hole at its end. */
    if (entry->is_sparse && ftruncate(p->fd, (off_t)entry->size))
        return rules_fail("set its size", e);
    if (placer_owner(p, entry, p->fd, e) || placer_xattrs(p, entry, p->fd, e))
        return -1;
    if (p->sets_mode && fchmod(p->fd, entry->mode))
        return rules_fail("set the mode", e);
    return futimens(p->fd, p->times) ? rules_fail("set the times", e) : 0;
}

int placer_entry_end(struct placer *p, const struct untar_entry *entry, struct err *e)
{
    p->is_queued = false;
    if (p->fd < 0)
        return 0;
    if (placer_seal(p, entry, e))
        return rules_wrap(entry, e);
    int failed = close(p->fd);
    p->fd = -1;
    if (!failed)
        return 0;
    (void)rules_fail("close it", e);
    return rules_wrap(entry, e);
}

int placer_finish(struct placer *p, struct err *e)
{
    if (batch_flush(p->batch, e))
        return -1;
    return trail_leave(&p->targets, e) || trail_leave(&p->trail, e) ? -1 : 0;
}
