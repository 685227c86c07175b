#include "probes/image/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "probes/kit/auto.h"
#include "probes/kit/file.h"

/* SOURCE: OCI image specification, layer.md; names with two marks are AUFS' own and ignored, but
 * for the opaque one. */
#define APPLY_MARK        ".wh."
#define APPLY_META_MARK   ".wh..wh."
#define APPLY_OPAQUE_NAME ".wh..wh..opq"
/* SOURCE: Linux Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
#define APPLY_OPAQUE_XATTR "trusted.overlay.opaque"

enum {
    APPLY_CHUNK_BYTES = 32 << 10, /* SOURCE: containerd pkg/archive/tar.go, bufPool */
    APPLY_PROC_BYTES = 32
};

/* One entry on its way. */
struct apply_item {
    struct archive *reader;
    struct archive_entry *entry;
    struct beneath_name name;
    char path[WALK_PATH_BYTES]; /* for system calls at a->at.root_fd */
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
    return places_open(&a->places, e);
}

void apply_start(struct apply *a, const struct walk *at, const struct apply_limits *limits,
                 struct apply_count *count)
{
    a->at = *at;
    a->limits = *limits;
    a->limits.bytes = limits->bytes ? limits->bytes : APPLY_BYTES_MAX;
    a->quota = apply_quota(limits);
    a->count = count;
    places_start(&a->places);
    a->file_bytes = 0;
}

void apply_release(struct apply *a)
{
    places_release(&a->places);
}

int apply_check(const struct apply *a, struct err *e)
{
    return quota_check(&a->quota, e);
}

struct quota apply_quota(const struct apply_limits *limits)
{
    return (struct quota){ .entries_max = limits->entries ? limits->entries : APPLY_ENTRIES_MAX,
                           .until_ns = limits->until_ns,
                           .stopping = limits->stopping };
}

static int apply_fail(const char *what, struct err *e)
{
    return err_set(e, err_kind_of(errno), errno, "%s", what);
}

static void apply_skip(struct apply *a, enum apply_skip skip)
{
    a->count->skipped[skip]++;
}

static int apply_remove(struct apply *a, const struct apply_item *it, struct err *e)
{
    return file_remove_tree_at(a->at.root_fd, it->name.path, e)
               ? err_wrap(e, "replace what has its name")
               : 0;
}

/* What has the entry's name goes, but a directory for a directory. */
static int apply_make_way(struct apply *a, const struct apply_item *it, struct err *e)
{
    struct stat st;
    const char *path = it->path;
    if (fstatat(a->at.root_fd, path, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : apply_fail("look at what has its name", e);
    if (S_ISDIR(st.st_mode) && archive_entry_filetype(it->entry) == AE_IFDIR &&
        !archive_entry_hardlink(it->entry))
        return 0;
    return apply_remove(a, it, e);
}

/* There is no lsetxattr below a descriptor, but a way there; the last part is not followed. */
static int apply_xattr(const struct apply *a, const char *path, const char *name, const void *value,
                       size_t size)
{
    char whole[WALK_PATH_BYTES + APPLY_PROC_BYTES];
    if (a->at.root_size > 0)
        return lsetxattr(path, name, value, size, 0);
    (void)snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", a->at.root_fd, path);
    return lsetxattr(whole, name, value, size, 0);
}

static int apply_xattrs(struct apply *a, const struct apply_item *it, struct err *e)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    char shown[BENEATH_SHOWN_BYTES];
    (void)archive_entry_xattr_reset(it->entry);
    while (archive_entry_xattr_next(it->entry, &name, &value, &size) == ARCHIVE_OK) {
        /* Those of the administrator are no business of an archive's. */
        bool is_ours = name && strncmp(name, "trusted.", 8) != 0;
        if (is_ours && apply_xattr(a, it->path, name, value, size) == 0)
            continue;
        if (is_ours && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS))
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

static int apply_owner(struct apply *a, const struct apply_item *it, struct err *e)
{
    uid_t uid = (uid_t)archive_entry_uid(it->entry);
    gid_t gid = (gid_t)archive_entry_gid(it->entry);
    if (!a->is_root && uid == geteuid() && gid == getegid())
        return 0;
    if (!a->is_root) {
        apply_skip(a, APPLY_OWNER);
        return 0;
    }
    return fchownat(a->at.root_fd, it->path, uid, gid, AT_SYMLINK_NOFOLLOW)
               ? apply_owner_failed(a, e)
               : 0;
}

/* Without privilege a directory stays open to its owner until everything is in it. */
static mode_t apply_mode(const struct apply *a, const struct apply_item *it)
{
    bool is_dir = archive_entry_filetype(it->entry) == AE_IFDIR;
    return is_dir && !a->is_root ? it->mode | S_IRWXU : it->mode;
}

/* Owner, attributes, mode and times, in the runtime's order and each by the name. */
static int apply_stamp(struct apply *a, const struct apply_item *it, struct err *e)
{
    struct stat st;
    const char *path = it->path;
    if (apply_owner(a, it, e) || apply_xattrs(a, it, e))
        return -1;
    if (fstatat(a->at.root_fd, path, &st, AT_SYMLINK_NOFOLLOW))
        return apply_fail("look at it", e);
    /* fchmodat follows links. */
    if (!S_ISLNK(st.st_mode) && fchmodat(a->at.root_fd, path, apply_mode(a, it), 0))
        return apply_fail("set the mode", e);
    return utimensat(a->at.root_fd, path, it->times, AT_SYMLINK_NOFOLLOW)
               ? apply_fail("set the times", e)
               : 0;
}

static int apply_write(int fd, const char *bytes, size_t size, int64_t offset, struct err *e)
{
    while (size > 0) {
        size_t chunk = size < APPLY_CHUNK_BYTES ? size : APPLY_CHUNK_BYTES;
        ssize_t n = pwrite(fd, bytes, chunk, offset);
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

static int apply_file(struct apply *a, const struct apply_item *it, struct err *e)
{
    /* O_EXCL follows no link, so that none planted there is written through. */
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (apply_allow_size(a, it, e))
        return -1;
    AUTO_CLOSE int fd = openat(a->at.root_fd, it->path, flags, it->mode);
    if (fd < 0)
        return apply_fail("create it", e);
    if (fchmod(fd, it->mode))
        return apply_fail("set the mode", e);
    return apply_content(a, it, fd, e);
}

/* A new one, or the one that is there. */
static int apply_dir(struct apply *a, const struct apply_item *it, struct err *e)
{
    struct stat st;
    const char *path = it->path;
    bool is_there = fstatat(a->at.root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && (mkdirat(a->at.root_fd, path, apply_mode(a, it)) ||
                      fchmodat(a->at.root_fd, path, apply_mode(a, it), 0)))
        return apply_fail("create it", e);
    return places_add(&a->places, it->name.path, it->mode, it->times, e);
}

static int apply_symlink(struct apply *a, const struct apply_item *it, struct err *e)
{
    const char *target = archive_entry_symlink(it->entry);
    if (!target)
        target = archive_entry_symlink_utf8(it->entry);
    return symlinkat(target ? target : "", a->at.root_fd, it->path) ? apply_fail("create it", e)
                                                                    : 0;
}

/* 1: made; 0: left out. */
static int apply_make_node(struct apply *a, const char *path, mode_t mode, dev_t dev,
                           enum apply_skip skip, struct err *e)
{
    if (mknodat(a->at.root_fd, path, mode, dev) == 0)
        return 1;
    if (errno != EPERM)
        return apply_fail("create it", e);
    apply_skip(a, skip);
    return 0;
}

/* In the lowest layer there is nothing to hide: what has the name goes. */
static int apply_whiteout(struct apply *a, struct apply_item *it, struct err *e)
{
    char *last = it->name.path + (it->name.last - it->name.path);
    memmove(last, last + sizeof APPLY_MARK - 1, strlen(last) - (sizeof APPLY_MARK - 1) + 1);
    if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return err_set(e, ERR_DATA, 0, "it deletes nothing that has a name");
    walk_path(&a->at, it->name.path, it->path);
    if (apply_remove(a, it, e))
        return -1;
    if (a->at.below == 0)
        return 0;
    int made = apply_make_node(a, it->path, S_IFCHR, makedev(0, 0), APPLY_WHITEOUT, e);
    return made > 0 ? apply_owner(a, it, e) : made;
}

static int apply_opaque(struct apply *a, const struct apply_item *it, struct err *e)
{
    char parent[WALK_PATH_BYTES];
    if (a->at.below == 0)
        return 0;
    walk_path(&a->at, it->name.path, parent);
    parent[a->at.root_size + it->name.parent_size] = '\0';
    if (apply_xattr(a, parent, APPLY_OPAQUE_XATTR, "y", 1) == 0)
        return 0;
    if (errno != EPERM && errno != ENOTSUP)
        return apply_fail("set " APPLY_OPAQUE_XATTR, e);
    apply_skip(a, APPLY_OPAQUE);
    return 0;
}

static int apply_hardlink(struct apply *a, const struct apply_item *it, const char *target,
                          struct err *e)
{
    struct beneath_name to;
    char to_path[WALK_PATH_BYTES];
    char shown[BENEATH_SHOWN_BYTES];
    if (beneath_name(target, &to, e) || (*to.last == '\0' && err_set(e, ERR_DATA, 0, "no name")) ||
        walk_parent(&a->at, &to, NULL, e))
        return err_wrap(e, "link to '%s'", beneath_show(target, shown));
    walk_path(&a->at, to.path, to_path);
    if (linkat(a->at.root_fd, to_path, a->at.root_fd, it->path, 0) == 0)
        return 0;
    return err_set(e, errno == ENOENT ? ERR_DATA : err_kind_of(errno), errno, "link to '%s'",
                   beneath_show(target, shown));
}

/* 1: made; 0: left out. */
static int apply_typed(struct apply *a, const struct apply_item *it, struct err *e)
{
    const char *path = it->path;
    mode_t type = archive_entry_filetype(it->entry);
    switch (type) {
    case AE_IFREG:
        return apply_file(a, it, e) ? -1 : 1;
    case AE_IFDIR:
        return apply_dir(a, it, e) ? -1 : 1;
    case AE_IFLNK:
        return apply_symlink(a, it, e) ? -1 : 1;
    case AE_IFBLK:
    case AE_IFCHR:
    case AE_IFIFO:
        return apply_make_node(a, path, type | it->mode, archive_entry_rdev(it->entry),
                               APPLY_DEVICE, e);
    default:
        apply_skip(a, APPLY_OTHER);
        return 0;
    }
}

static int apply_create(struct apply *a, const struct apply_item *it, const char *target,
                        struct err *e)
{
    if (apply_make_way(a, it, e))
        return -1;
    int made = target ? apply_hardlink(a, it, target, e) == 0 : apply_typed(a, it, e);
    if (target && made == 0)
        return -1;
    return made > 0 ? apply_stamp(a, it, e) : made;
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
    if (*last == '\0')
        return 0;
    if (walk_parent(&a->at, &it->name, &a->quota, e))
        return -1;
    walk_path(&a->at, it->name.path, it->path);
    if (strcmp(last, APPLY_OPAQUE_NAME) == 0)
        return apply_opaque(a, it, e);
    if (strncmp(last, APPLY_META_MARK, sizeof APPLY_META_MARK - 1) == 0)
        return 0;
    if (strncmp(last, APPLY_MARK, sizeof APPLY_MARK - 1) == 0)
        return apply_whiteout(a, it, e);
    return apply_create(a, it, target, e);
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
    if (quota_take(&a->quota, e) || beneath_name(path, &it.name, e) || apply_named(a, &it, e))
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
        more = places_finish_next(&a->places, &a->at, &at, e);
    }
    return more;
}
