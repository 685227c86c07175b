#include "probes/image/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/kit/file.h"

enum {
    APPLY_CHUNK_BYTES = 32 << 10, /* SOURCE: containerd pkg/archive/tar.go, bufPool */
    APPLY_PROC_BYTES = 32
};

int apply_open(struct apply *a, struct err *e)
{
    *a = (struct apply){ .is_root = geteuid() == 0, .fd = -1 };
    return places_open(&a->places, e);
}

void apply_start(struct apply *a, const struct walk *at, const struct rules_limits *limits,
                 struct rules_count *count)
{
    a->at = *at;
    a->bytes_max = rules_bytes(limits);
    a->quota = rules_quota(limits);
    a->count = count;
    places_start(&a->places);
    a->file_bytes = 0;
    a->fd = -1;
    a->is_made = false;
}

void apply_stop(struct apply *a)
{
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
}

void apply_release(struct apply *a)
{
    places_release(&a->places);
}

int apply_check(const struct apply *a, struct err *e)
{
    return quota_check(&a->quota, e);
}

static int apply_remove(struct apply *a, struct err *e)
{
    return file_remove_tree_at(a->at.root_fd, a->name.path, e)
               ? err_wrap(e, "replace what has its name")
               : 0;
}

/* What has the entry's name goes, but a directory for a directory. */
static int apply_make_way(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    struct stat st;
    if (fstatat(a->at.root_fd, a->path, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : rules_fail("look at what has its name", e);
    return S_ISDIR(st.st_mode) && entry->type == UNTAR_DIR ? 0 : apply_remove(a, e);
}

/* There is no lsetxattr below a descriptor, but a way there; the last part is not followed. */
static int apply_set_xattr(const struct apply *a, const char *path, const struct xattr *x)
{
    char whole[WALK_PATH_BYTES + APPLY_PROC_BYTES];
    if (a->at.root_size > 0)
        return lsetxattr(path, x->name, x->value, x->size, 0);
    (void)snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", a->at.root_fd, path);
    return lsetxattr(whole, x->name, x->value, x->size, 0);
}

static int apply_xattrs(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    struct xattr x;
    size_t at = 0;
    while (xattrs_next(entry->xattrs, entry->xattrs_size, &at, &x)) {
        if (!rules_is_xattr_allowed(x.name))
            (void)rules_skip(a->count, RULES_XATTR);
        else if (apply_set_xattr(a, a->path, &x) && rules_xattr_failed(a->count, x.name, e))
            return -1;
    }
    return 0;
}

static int apply_owner(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    if (!a->is_root && entry->uid == geteuid() && entry->gid == getegid())
        return 0;
    if (!rules_may_own(entry, a->is_root, a->count) ||
        fchownat(a->at.root_fd, a->path, (uid_t)entry->uid, (gid_t)entry->gid,
                 AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return rules_owner_failed(a->count, e);
}

/* Without privilege a directory stays open to its owner until everything is in it. */
static mode_t apply_mode(const struct apply *a, const struct untar_entry *entry)
{
    return entry->type == UNTAR_DIR && !a->is_root ? entry->mode | S_IRWXU : entry->mode;
}

/* Owner, attributes, mode and times, in the runtime's order and each by the name. */
static int apply_stamp(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    struct stat st;
    if (apply_owner(a, entry, e) || apply_xattrs(a, entry, e))
        return -1;
    if (fstatat(a->at.root_fd, a->path, &st, AT_SYMLINK_NOFOLLOW))
        return rules_fail("look at it", e);
    /* fchmodat follows links. */
    if (!S_ISLNK(st.st_mode) && fchmodat(a->at.root_fd, a->path, apply_mode(a, entry), 0))
        return rules_fail("set the mode", e);
    return utimensat(a->at.root_fd, a->path, a->times, AT_SYMLINK_NOFOLLOW)
               ? rules_fail("set the times", e)
               : 0;
}

static int apply_file(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    /* O_EXCL follows no link, so that none planted there is written through. */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (rules_allow_size(entry, a->bytes_max, &a->file_bytes, e))
        return -1;
    a->end = 0;
    /* Without privilege its owner must be able to write it for user.* to be set. */
    mode_t mode = a->is_root ? entry->mode : entry->mode | S_IWUSR;
    a->fd = openat(a->at.root_fd, a->path, flags, mode);
    if (a->fd < 0)
        return rules_fail("create it", e);
    if (fchmod(a->fd, mode))
        return rules_fail("set the mode", e);
    a->is_made = true;
    return 0;
}

/* A new one, or the one that is there. */
static int apply_dir(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    struct stat st;
    mode_t mode = apply_mode(a, entry);
    bool is_there = fstatat(a->at.root_fd, a->path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there &&
        (mkdirat(a->at.root_fd, a->path, mode) || fchmodat(a->at.root_fd, a->path, mode, 0)))
        return rules_fail("create it", e);
    a->is_made = true;
    return places_add(&a->places, a->name.path, entry->mode, a->times, e);
}

static int apply_symlink(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    a->is_made = symlinkat(entry->link, a->at.root_fd, a->path) == 0;
    return a->is_made ? 0 : rules_fail("create it", e);
}

/* What a node needs may be forbidden here: then it is left out and counted. */
static int apply_make_node(struct apply *a, mode_t mode, dev_t dev, enum rules_skip skip,
                           struct err *e)
{
    a->is_made = mknodat(a->at.root_fd, a->path, mode, dev) == 0;
    if (a->is_made)
        return 0;
    return errno == EPERM ? rules_skip(a->count, skip) : rules_fail("create it", e);
}

static int apply_node(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    return apply_make_node(a, rules_node_type(entry->type) | entry->mode,
                           makedev(entry->major, entry->minor), RULES_DEVICE, e);
}

static int apply_hardlink(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    struct beneath_name to;
    char to_path[WALK_PATH_BYTES];
    if (rules_target(entry, &to, e))
        return -1;
    if (walk_parent(&a->at, &to, NULL, e))
        return rules_wrap_target(entry, e);
    walk_path(&a->at, to.path, to_path);
    a->is_made = linkat(a->at.root_fd, to_path, a->at.root_fd, a->path, 0) == 0;
    if (a->is_made)
        return 0;
    (void)err_set(e, errno == ENOENT ? ERR_DATA : err_kind_of(errno), errno, "make it");
    return rules_wrap_target(entry, e);
}

/* In the lowest layer there is nothing to hide: what has the name goes. */
static int apply_whiteout(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    if (rules_deleted(&a->name, e))
        return -1;
    walk_path(&a->at, a->name.path, a->path);
    if (apply_remove(a, e))
        return -1;
    if (a->at.below == 0)
        return 0;
    if (apply_make_node(a, S_IFCHR, makedev(0, 0), RULES_WHITEOUT, e))
        return -1;
    bool is_made = a->is_made;
    a->is_made = false; /* it has an owner, and no more */
    return is_made ? apply_owner(a, entry, e) : 0;
}

static int apply_opaque(struct apply *a, struct err *e)
{
    const struct xattr mark = { .name = RULES_OPAQUE_XATTR, .value = "y", .size = 1 };
    if (a->at.below == 0)
        return 0;
    a->path[a->at.root_size + a->name.parent_size] = '\0';
    return apply_set_xattr(a, a->path, &mark) ? rules_opaque_failed(a->count, e) : 0;
}

static int apply_create(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    static int (*const makes[UNTAR_TYPES])(struct apply *, const struct untar_entry *,
                                           struct err *) = {
        [UNTAR_FILE] = apply_file,       [UNTAR_HARDLINK] = apply_hardlink,
        [UNTAR_SYMLINK] = apply_symlink, [UNTAR_CHAR] = apply_node,
        [UNTAR_BLOCK] = apply_node,      [UNTAR_DIR] = apply_dir,
        [UNTAR_FIFO] = apply_node,
    };
    return apply_make_way(a, entry, e) || makes[entry->type](a, entry, e) ? -1 : 0;
}

static int apply_named(struct apply *a, const struct untar_entry *entry, enum rules_mark mark,
                       struct err *e)
{
    if (mark == RULES_ROOT)
        return 0;
    if (walk_parent(&a->at, &a->name, &a->quota, e))
        return -1;
    walk_path(&a->at, a->name.path, a->path);
    switch (mark) {
    case RULES_REPLACE:
        return apply_opaque(a, e);
    case RULES_META:
        return 0;
    case RULES_DELETE:
        return apply_whiteout(a, entry, e);
    default:
        return apply_create(a, entry, e);
    }
}

int apply_entry(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    enum rules_mark mark = RULES_NONE;
    *e = (struct err){ 0 };
    a->is_made = false;
    rules_times(entry, a->times);
    if (quota_take(&a->quota, e) || rules_name(entry, &a->name, &mark, e) ||
        apply_named(a, entry, mark, e))
        return rules_wrap(entry, e);
    return 0;
}

static int apply_write(struct apply *a, const struct untar_piece *piece, struct err *e)
{
    for (size_t done = 0; done < piece->size;) {
        size_t left = piece->size - done;
        size_t chunk = left < APPLY_CHUNK_BYTES ? left : APPLY_CHUNK_BYTES;
        ssize_t n = pwrite(a->fd, piece->bytes + done, chunk, (off_t)(piece->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rules_fail("write its content", e);
        done += (size_t)n;
    }
    return 0;
}

int apply_content(struct apply *a, const struct untar_entry *entry, const struct untar_piece *piece,
                  struct err *e)
{
    if (a->fd < 0) /* a mark: its content is nobody's */
        return 0;
    if (apply_write(a, piece, e))
        return rules_wrap(entry, e);
    a->count->written_bytes += piece->size;
    a->end = piece->offset + piece->size;
    return 0;
}

static int apply_end_file(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    if (a->end < entry->size && ftruncate(a->fd, (off_t)entry->size)) /* a hole at its end */
        return rules_fail("set its size", e);
    int failed = close(a->fd);
    a->fd = -1;
    return failed ? rules_fail("close it", e) : 0;
}

int apply_entry_end(struct apply *a, const struct untar_entry *entry, struct err *e)
{
    if ((a->fd >= 0 && apply_end_file(a, entry, e)) || (a->is_made && apply_stamp(a, entry, e)))
        return rules_wrap(entry, e);
    a->count->entries++;
    return 0;
}

int apply_finish(struct apply *a, struct err *e)
{
    struct places_cursor at = { 0 };
    int more = 1;
    while (more > 0) {
        if (apply_check(a, e))
            return -1;
        more = places_finish_next(&a->places, &a->at, &at, e);
    }
    return more;
}
