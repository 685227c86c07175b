#include "probes/image/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

/* SOURCE: OCI image specification, layer.md; names with two marks are AUFS' own and ignored, but
 * for the opaque one. */
#define APPLY_MARK        ".wh."
#define APPLY_META_MARK   ".wh..wh."
#define APPLY_OPAQUE_NAME ".wh..wh..opq"
/* SOURCE: Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
#define APPLY_OPAQUE_XATTR "trusted.overlay.opaque"

/* One entry on its way. */
struct apply_item {
    struct archive *reader;
    struct archive_entry *entry;
    struct beneath_name name;
    int parent_fd; /* borrowed from a->beneath */
    struct timespec times[2];
    mode_t mode; /* permission bits */
};

const char *apply_skip_name(enum apply_skip skip)
{
    static const char *const names[APPLY_SKIPS] = {
        [APPLY_OWNER] = "owners",
        [APPLY_DEVICE] = "device nodes",
        [APPLY_WHITEOUT] = "whiteouts (device nodes 0/0)",
        [APPLY_OPAQUE] = "opaque marks (trusted.overlay.opaque)",
        [APPLY_XATTR] = "extended attributes",
        [APPLY_OTHER] = "entries that are neither file, link, directory nor node",
    };
    return names[skip];
}

int apply_open(struct apply *a, struct err *e)
{
    *a = (struct apply){ .is_root = geteuid() == 0 };
    beneath_start(&a->beneath, -1);
    beneath_start(&a->targets, -1);
    return places_open(&a->places, e);
}

void apply_start(struct apply *a, int dir_fd, const struct apply_limits *limits,
                 struct apply_count *count)
{
    a->limits = *limits;
    a->limits.bytes = limits->bytes ? limits->bytes : APPLY_BYTES_MAX;
    a->limits.entries = limits->entries ? limits->entries : APPLY_ENTRIES_MAX;
    a->count = count;
    places_start(&a->places);
    a->file_bytes = 0;
    a->entries = 0;
    beneath_start(&a->beneath, dir_fd);
    beneath_start(&a->targets, dir_fd);
}

void apply_stop(struct apply *a)
{
    beneath_release(&a->beneath);
    beneath_release(&a->targets);
}

void apply_release(struct apply *a)
{
    places_release(&a->places);
}

int apply_check(const struct apply *a, struct err *e)
{
    if (a->limits.stopping && *a->limits.stopping)
        return err_set(e, ERR_INTERRUPTED, 0, "interrupted");
    if (a->limits.until_ns && clk_now_ns() > a->limits.until_ns)
        return err_set(e, ERR_TIMEOUT, 0, "the time for it is over");
    return 0;
}

static int apply_fail(const char *what, struct err *e)
{
    return err_set(e, err_kind_of(errno), errno, "%s", what);
}

static void apply_skip(struct apply *a, enum apply_skip skip)
{
    a->count->skipped[skip]++;
}

/* Whatever has the entry's name goes, as later entries replace earlier ones. */
static int apply_make_way(struct apply *a, struct apply_item *it, struct err *e)
{
    if (file_remove_tree_at(it->parent_fd, it->name.last, e))
        return err_wrap(e, "replace what has its name");
    beneath_forget(&a->beneath);
    beneath_forget(&a->targets);
    it->parent_fd = beneath_parent(&a->beneath, &it->name, true, e);
    return it->parent_fd < 0 ? -1 : 0;
}

static int apply_xattrs(struct apply *a, int fd, struct archive_entry *entry, struct err *e)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    char shown[BENEATH_SHOWN_BYTES];
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name && fsetxattr(fd, name, value, size, 0) == 0)
            continue;
        if (name && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS))
            return err_set(e, err_kind_of(errno), errno, "set the attribute '%s'",
                           beneath_show(name, shown));
        apply_skip(a, APPLY_XATTR);
    }
    return 0;
}

/* After a chown that failed: not allowed here is one thing, a broken disk another. */
static int apply_owner_failed(struct apply *a, struct err *e)
{
    if (errno != EPERM && errno != EINVAL && errno != EOVERFLOW)
        return apply_fail("set the owner", e);
    apply_skip(a, APPLY_OWNER);
    return 0;
}

static int apply_owner(struct apply *a, int fd, struct archive_entry *entry, struct err *e)
{
    uid_t uid = (uid_t)archive_entry_uid(entry);
    gid_t gid = (gid_t)archive_entry_gid(entry);
    if (!a->is_root && uid == geteuid() && gid == getegid())
        return 0;
    if (!a->is_root) {
        apply_skip(a, APPLY_OWNER);
        return 0;
    }
    return fchown(fd, uid, gid) ? apply_owner_failed(a, e) : 0;
}

/* Owner, mode and times of what cannot be opened: symlinks and nodes. */
static int apply_stamp_named(struct apply *a, const struct apply_item *it, struct err *e)
{
    const char *last = it->name.last;
    if (!a->is_root)
        apply_skip(a, APPLY_OWNER);
    else if (fchownat(it->parent_fd, last, (uid_t)archive_entry_uid(it->entry),
                      (gid_t)archive_entry_gid(it->entry), AT_SYMLINK_NOFOLLOW) &&
             apply_owner_failed(a, e))
        return -1;
    /* fchmodat follows links; what was just made as a node is none. */
    if (archive_entry_filetype(it->entry) != AE_IFLNK &&
        fchmodat(it->parent_fd, last, it->mode, 0)) {
        return apply_fail("set the mode", e);
    }
    if (utimensat(it->parent_fd, last, it->times, AT_SYMLINK_NOFOLLOW))
        return apply_fail("set the times", e);
    return 0;
}

static int apply_write(int fd, const char *bytes, size_t size, int64_t offset, struct err *e)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return apply_fail("write its content", e);
        bytes += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

static int apply_content(struct apply *a, const struct apply_item *it, int fd, struct err *e)
{
    const void *bytes = NULL;
    size_t size = 0;
    int64_t offset = 0;
    int64_t end = 0;
    int answer = archive_read_data_block(it->reader, &bytes, &size, &offset);
    for (; answer == ARCHIVE_OK || answer == ARCHIVE_WARN;
         answer = archive_read_data_block(it->reader, &bytes, &size, &offset)) {
        if (apply_check(a, e) || apply_write(fd, bytes, size, offset, e))
            return -1;
        a->count->written_bytes += size;
        end = offset + (int64_t)size;
    }
    if (answer != ARCHIVE_EOF)
        return err_set(e, ERR_DATA, 0, "its content: %s", archive_error_string(it->reader));
    int64_t whole = archive_entry_size(it->entry);
    if (end < whole && ftruncate(fd, whole)) /* a sparse file with a hole at its end */
        return apply_fail("set its size", e);
    return 0;
}

static int apply_allow_size(struct apply *a, const struct apply_item *it, struct err *e)
{
    int64_t size = archive_entry_size(it->entry);
    if (size < 0 || (uint64_t)size > a->limits.bytes - a->file_bytes)
        return err_set(e, ERR_DATA, 0, "its %lld bytes exceed the %llu MiB that a layer may have",
                       (long long)size, (unsigned long long)(a->limits.bytes >> 20));
    a->file_bytes += (uint64_t)size;
    return 0;
}

static int apply_file(struct apply *a, struct apply_item *it, struct err *e)
{
    /* O_EXCL follows no link, so that none planted there is written through. */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (apply_allow_size(a, it, e))
        return -1;
    AUTO_CLOSE int fd = openat(it->parent_fd, it->name.last, flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (apply_make_way(a, it, e))
            return -1;
        fd = openat(it->parent_fd, it->name.last, flags, 0600);
    }
    if (fd < 0)
        return apply_fail("create it", e);
    if (apply_content(a, it, fd, e) || apply_owner(a, fd, it->entry, e) ||
        apply_xattrs(a, fd, it->entry, e)) {
        return -1;
    }
    if (fchmod(fd, it->mode))
        return apply_fail("set the mode", e);
    return futimens(fd, it->times) ? apply_fail("set the times", e) : 0;
}

/* A new one, or the one that is there. */
static int apply_make_dir(struct apply *a, struct apply_item *it, struct err *e)
{
    const char *last = it->name.last;
    if (*last == '\0' || mkdirat(it->parent_fd, last, 0700) == 0)
        return places_open_dir(it->parent_fd, &it->name);
    if (errno != EEXIST)
        return -1;
    int fd = places_open_dir(it->parent_fd, &it->name);
    if (fd >= 0 || (errno != ENOTDIR && errno != ELOOP))
        return fd;
    if (apply_make_way(a, it, e) || mkdirat(it->parent_fd, last, 0700))
        return -1;
    return places_open_dir(it->parent_fd, &it->name);
}

static int apply_dir(struct apply *a, struct apply_item *it, struct err *e)
{
    AUTO_CLOSE int fd = apply_make_dir(a, it, e);
    if (fd < 0)
        return e->kind != ERR_NONE ? -1 : apply_fail("create it", e);
    if (apply_owner(a, fd, it->entry, e) || apply_xattrs(a, fd, it->entry, e))
        return -1;
    return places_add(&a->places, it->name.path, it->mode, it->times, e);
}

/* Makes something by name; a second time when what had that name is gone. */
static int apply_make(struct apply *a, struct apply_item *it,
                      int (*make)(const struct apply_item *it), struct err *e)
{
    if (make(it) == 0)
        return 0;
    if (errno == EEXIST) {
        if (apply_make_way(a, it, e))
            return -1;
        if (make(it) == 0)
            return 0;
    }
    return apply_fail("create it", e);
}

static int apply_make_symlink(const struct apply_item *it)
{
    const char *target = archive_entry_symlink(it->entry);
    if (!target)
        target = archive_entry_symlink_utf8(it->entry);
    return symlinkat(target ? target : "", it->parent_fd, it->name.last);
}

static int apply_make_node(const struct apply_item *it)
{
    mode_t type = archive_entry_filetype(it->entry);
    return mknodat(it->parent_fd, it->name.last, type | 0600, archive_entry_rdev(it->entry));
}

static int apply_make_whiteout(const struct apply_item *it)
{
    return mknodat(it->parent_fd, it->name.last, S_IFCHR, makedev(0, 0));
}

static int apply_node(struct apply *a, struct apply_item *it, struct err *e)
{
    if (apply_make(a, it, apply_make_node, e) == 0)
        return apply_stamp_named(a, it, e);
    if (e->sys != EPERM)
        return -1;
    *e = (struct err){ 0 };
    apply_skip(a, APPLY_DEVICE);
    return 0;
}

static int apply_whiteout(struct apply *a, struct apply_item *it, struct err *e)
{
    it->name.last += sizeof APPLY_MARK - 1;
    if (*it->name.last == '\0' || strcmp(it->name.last, ".") == 0 ||
        strcmp(it->name.last, "..") == 0)
        return err_set(e, ERR_DATA, 0, "it deletes nothing that has a name");
    if (apply_make(a, it, apply_make_whiteout, e) == 0)
        return 0;
    if (e->sys != EPERM)
        return -1;
    *e = (struct err){ 0 };
    apply_skip(a, APPLY_WHITEOUT);
    return 0;
}

/* The directory is opened through its descriptor: it is no link. */
static int apply_opaque(struct apply *a, const struct apply_item *it, struct err *e)
{
    AUTO_CLOSE int fd = openat(it->parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return apply_fail("open the directory it is in", e);
    if (fsetxattr(fd, APPLY_OPAQUE_XATTR, "y", 1, 0) == 0)
        return 0;
    if (errno != EPERM && errno != ENOTSUP)
        return apply_fail("set " APPLY_OPAQUE_XATTR, e);
    apply_skip(a, APPLY_OPAQUE);
    return 0;
}

static int apply_hardlink(struct apply *a, struct apply_item *it, const char *target, struct err *e)
{
    struct beneath_name to;
    char shown[BENEATH_SHOWN_BYTES];
    if (beneath_name(target, &to, e) || (*to.last == '\0' && err_set(e, ERR_DATA, 0, "no name")))
        return err_wrap(e, "link to '%s'", beneath_show(target, shown));
    for (int tries = 0; tries < 2; tries++) {
        int target_fd = beneath_parent(&a->targets, &to, false, e);
        if (target_fd < 0)
            return err_wrap(e, "link to '%s'", beneath_show(target, shown));
        if (linkat(target_fd, to.last, it->parent_fd, it->name.last, 0) == 0)
            return 0;
        if (errno != EEXIST || tries > 0 || strcmp(to.path, it->name.path) == 0)
            break;
        if (apply_make_way(a, it, e))
            return -1;
    }
    return err_set(e, errno == ENOENT ? ERR_DATA : err_kind_of(errno), errno, "link to '%s'",
                   beneath_show(target, shown));
}

static int apply_typed(struct apply *a, struct apply_item *it, struct err *e)
{
    switch (archive_entry_filetype(it->entry)) {
    case AE_IFREG:
        return apply_file(a, it, e);
    case AE_IFDIR:
        return apply_dir(a, it, e);
    case AE_IFLNK:
        return apply_make(a, it, apply_make_symlink, e) ? -1 : apply_stamp_named(a, it, e);
    case AE_IFBLK:
    case AE_IFCHR:
    case AE_IFIFO:
        return apply_node(a, it, e);
    default:
        apply_skip(a, APPLY_OTHER);
        return 0;
    }
}

/* Modification and access as the header says; access is not older than modification. */
static void apply_times(struct apply_item *it)
{
    struct timespec mtime = { .tv_nsec = UTIME_OMIT };
    if (archive_entry_mtime_is_set(it->entry)) {
        mtime.tv_sec = archive_entry_mtime(it->entry);
        mtime.tv_nsec = archive_entry_mtime_nsec(it->entry);
    }
    it->times[0] = mtime;
    it->times[1] = mtime;
    if (archive_entry_atime_is_set(it->entry) && archive_entry_atime(it->entry) > mtime.tv_sec) {
        it->times[0].tv_sec = archive_entry_atime(it->entry);
        it->times[0].tv_nsec = archive_entry_atime_nsec(it->entry);
    }
}

static int apply_named(struct apply *a, struct apply_item *it, struct err *e)
{
    const char *last = it->name.last;
    const char *target = archive_entry_hardlink(it->entry);
    if (!target)
        target = archive_entry_hardlink_utf8(it->entry);
    if (*last == '\0' && (target || archive_entry_filetype(it->entry) != AE_IFDIR))
        return err_set(e, ERR_DATA, 0, "it would replace the directory itself");
    it->parent_fd = beneath_parent(&a->beneath, &it->name, true, e);
    if (it->parent_fd < 0)
        return -1;
    if (strcmp(last, APPLY_OPAQUE_NAME) == 0)
        return apply_opaque(a, it, e);
    if (strncmp(last, APPLY_META_MARK, sizeof APPLY_META_MARK - 1) == 0)
        return 0;
    if (strncmp(last, APPLY_MARK, sizeof APPLY_MARK - 1) == 0)
        return apply_whiteout(a, it, e);
    return target ? apply_hardlink(a, it, target, e) : apply_typed(a, it, e);
}

static int apply_admit(struct apply *a, struct err *e)
{
    if (++a->entries > a->limits.entries)
        return err_set(e, ERR_DATA, 0, "more than the %llu entries that a layer may have",
                       (unsigned long long)a->limits.entries);
    return apply_check(a, e);
}

int apply_entry(struct apply *a, struct archive *reader, struct archive_entry *entry, struct err *e)
{
    struct apply_item it = { .reader = reader, .entry = entry };
    char shown[BENEATH_SHOWN_BYTES];
    const char *path = archive_entry_pathname(entry);
    if (!path) /* not to be said in this locale's letters */
        path = archive_entry_pathname_utf8(entry);
    if (!path)
        return err_set(e, ERR_DATA, 0, "an entry without a name");
    it.mode = archive_entry_perm(entry) & 07777;
    apply_times(&it);
    *e = (struct err){ 0 };
    if (apply_admit(a, e) || beneath_name(path, &it.name, e) || apply_named(a, &it, e))
        return err_wrap(e, "entry '%s'", beneath_show(path, shown));
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
        more = places_finish_next(&a->places, &a->beneath, &at, e);
    }
    return more;
}
