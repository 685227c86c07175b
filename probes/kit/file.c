#include "probes/kit/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"
#include "probes/kit/prng.h"

enum {
    FILE_CHUNK_BYTES = 16384,
    FILE_TEMPORARY_TAIL_BYTES = sizeof(".tmp-") + 16,
    FILE_LEVELS = 64,      /* directories held open by a removal; deeper ones are hung up */
    FILE_PASSES_MAX = 1000 /* readings of one directory that others keep filling */
};

int file_read_at(int dirfd, const char *path, struct buf *out, struct err *e)
{
    char chunk[FILE_CHUNK_BYTES];
    AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s'", path);
    size_t cap = out->cap ? out->cap : LIMITS_PROC_BYTES;
    buf_clear(out);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "read '%s'", path);
        if (n == 0)
            break;
        if (out->size + (size_t)n > cap) {
            return err_set(e, ERR_DATA, 0, "'%s' is larger than the %zu bytes it may have", path,
                           cap);
        }
        buf_add(out, chunk, (size_t)n);
    }
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to read '%s'", path) : 0;
}

int file_line_at(int dirfd, const char *path, char *line, size_t size, struct err *e)
{
    AUTO(buf) struct buf out = { 0 };
    line[0] = '\0';
    if (file_read_at(dirfd, path, &out, e)) {
        return -1;
    }
    const char *text = buf_text(&out);
    size_t n = strcspn(text, "\n");
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        n--;
    }
    n = n < size ? n : size - 1;
    memcpy(line, text, n);
    line[n] = '\0';
    return 0;
}

int file_u64_at(int dirfd, const char *path, uint64_t *value, struct err *e)
{
    char line[64];
    char *end = NULL;
    if (file_line_at(dirfd, path, line, sizeof line, e))
        return -1;
    errno = 0;
    unsigned long long read = strtoull(line, &end, 10);
    if (errno || *end || line[0] < '0' || line[0] > '9')
        return err_set(e, ERR_DATA, 0, "'%s' holds '%s', which is not a number", path, line);
    *value = read;
    return 0;
}

int file_write_all(int fd, const void *bytes, size_t size, struct err *e)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "write %zu bytes", size);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* The folder that holds path: "a/b" is in "a/", "b" in ".". */
static int file_parent(const char *path, char parent[PATH_MAX], struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 1;
    if (n >= PATH_MAX) {
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "'%s'", path);
    }
    memcpy(parent, slash ? path : ".", n);
    parent[n] = '\0';
    return 0;
}

static int file_sync_parent(int dirfd, const char *path, struct err *e)
{
    char parent[PATH_MAX];
    if (file_parent(path, parent, e)) {
        return -1;
    }
    AUTO_CLOSE int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) && errno != EINVAL && errno != EROFS)) {
        return err_set(e, err_kind_of(errno), errno, "sync the folder of '%s'", path);
    }
    return 0;
}

static int file_fill(int fd, const char *path, const void *bytes, size_t size, struct err *e)
{
    if (file_write_all(fd, bytes, size, e)) {
        return err_wrap(e, "'%s'", path);
    }
    if (fsync(fd)) {
        return err_set(e, err_kind_of(errno), errno, "sync '%s'", path);
    }
    return 0;
}

int file_replaceable_at(int dirfd, const char *path, struct err *e)
{
    char parent[PATH_MAX];
    struct stat st;
    if (file_parent(path, parent, e)) {
        return -1;
    }
    if (faccessat(dirfd, parent, W_OK | X_OK, AT_EACCESS)) {
        return err_set(e, err_kind_of(errno), errno,
                       "'%s' cannot be written; name a file in a folder that can", path);
    }
    if (!fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_USAGE, 0,
                       "'%s' is no regular file and is not replaced; name another file", path);
    }
    return 0;
}

/* The name is random: two writers of one file never meet, and nobody can lay a link in the way. */
int file_write_atomic_at(int dirfd, const char *path, const void *bytes, size_t size, struct err *e)
{
    char temporary[PATH_MAX];
    if (file_replaceable_at(dirfd, path, e)) {
        return -1;
    }
    if (strlen(path) + FILE_TEMPORARY_TAIL_BYTES > sizeof(temporary)) {
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "'%s'", path);
    }
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp-%016" PRIx64, path, prng_entropy());
    AUTO_CLOSE int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_set(e, err_kind_of(errno), errno, "create '%s'", temporary);
    }
    int failed = file_fill(fd, path, bytes, size, e);
    if (!failed && renameat(dirfd, temporary, dirfd, path)) {
        failed = err_set(e, err_kind_of(errno), errno, "replace '%s'", path);
    }
    if (failed) {
        (void)unlinkat(dirfd, temporary, 0);
        return -1;
    }
    return file_sync_parent(dirfd, path, e);
}

/* One directory on the way down of a removal. */
struct file_level {
    DIR *dir;
    unsigned passes;
    char name[NAME_MAX + 1]; /* below the level above; "" at level 0 */
};

struct file_removal {
    int parent_fd;       /* name is below it */
    const char *top;     /* the name of level 0, which may be a path */
    dev_t dev;           /* of what holds the tree */
    unsigned depth;      /* levels open */
    unsigned long moved; /* directories hung up at level 0 so far */
    struct file_level levels[FILE_LEVELS];
};

static bool file_is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void file_removal_release(struct file_removal *r)
{
    while (r->depth > 0) {
        (void)closedir(r->levels[--r->depth].dir);
    }
}

static int file_above(const struct file_removal *r)
{
    return r->depth == 0 ? r->parent_fd : dirfd(r->levels[r->depth - 1].dir);
}

/* Whether something is mounted there, be it the same filesystem again (Linux 5.8 can tell). */
static bool file_is_mount(const struct file_removal *r, int fd, const struct stat *st)
{
    struct statx sx = { 0 };
    if (st->st_dev != r->dev) {
        return true;
    }
    return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) == 0 &&
           (sx.stx_attributes & sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
}

/*
 * Opened by O_PATH first, which needs no right to read, so that the directory that is looked at and
 * given rights is the one that is opened, whatever others put in its place meanwhile. Nothing is
 * changed before it is known to be no mount.
 */
static int file_open_dir(const struct file_removal *r, const char *name, struct err *e)
{
    struct stat st;
    char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    AUTO_CLOSE int at = openat(file_above(r), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0 || fstat(at, &st) != 0) {
        return err_set(e, err_kind_of(errno), errno, "open '%s'", name);
    }
    if (file_is_mount(r, at, &st)) {
        return err_set(e, ERR_IO, EXDEV, "'%s' is a mount point; unmount it first", name);
    }
    if ((st.st_mode & S_IRWXU) != S_IRWXU) {
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
        (void)chmod(self, S_IRWXU); /* not ours: then the next steps say so */
    }
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
}

static int file_enter(struct file_removal *r, const char *name, struct err *e)
{
    struct file_level *level = &r->levels[r->depth];
    int fd = file_open_dir(r, name, e);
    if (fd < 0) {
        return -1;
    }
    *level = (struct file_level){ .dir = fdopendir(fd) };
    if (!level->dir) {
        auto_close_fd(&fd);
        return err_set(e, err_kind_of(errno), errno, "read '%s'", name);
    }
    if (r->depth > 0) {
        (void)memccpy(level->name, name, '\0', sizeof(level->name) - 1);
    }
    r->depth++;
    return 0;
}

/* Hangs a directory that lies too deep up at level 0, which is read again until it is empty. */
static int file_hang_up(struct file_removal *r, const char *name, struct err *e)
{
    char up[32];
    AUTO_CLOSE int fd = file_open_dir(r, name, e); /* moving needs the right to write in it */
    if (fd < 0) {
        return -1;
    }
    for (int tries = 0; tries < FILE_PASSES_MAX; tries++) {
        (void)snprintf(up, sizeof(up), "deep.%lu", r->moved++);
        if (renameat(file_above(r), name, dirfd(r->levels[0].dir), up) == 0) {
            return 0;
        }
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
            break;
        }
    }
    return err_set(e, err_kind_of(errno), errno, "move '%s' up", name);
}

static int file_remove_entry(struct file_removal *r, const char *name, struct err *e)
{
    if (file_is_dots(name) || unlinkat(file_above(r), name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR) {
        return err_set(e, err_kind_of(errno), errno, "remove '%s'", name);
    }
    return r->depth < FILE_LEVELS ? file_enter(r, name, e) : file_hang_up(r, name, e);
}

/* The deepest directory was read to its end: removes it, or reads it again if it was filled. */
static int file_leave(struct file_removal *r, struct err *e)
{
    struct file_level *level = &r->levels[r->depth - 1];
    r->depth--;
    int above = file_above(r);
    const char *name = r->depth == 0 ? r->top : level->name;
    if (unlinkat(above, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
        (void)closedir(level->dir);
        return 0;
    }
    r->depth++;
    if ((errno != ENOTEMPTY && errno != EEXIST) || ++level->passes > FILE_PASSES_MAX) {
        return err_set(e, err_kind_of(errno), errno, "remove '%s'", name);
    }
    rewinddir(level->dir);
    return 0;
}

static int file_remove_below(struct file_removal *r, struct err *e)
{
    while (r->depth > 0) {
        DIR *dir = r->levels[r->depth - 1].dir;
        errno = 0;
        const struct dirent *d = readdir(dir); // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (!d && errno != 0) {
            return err_set(e, err_kind_of(errno), errno, "read a directory");
        }
        if (d ? file_remove_entry(r, d->d_name, e) : file_leave(r, e)) {
            return -1;
        }
    }
    return 0;
}

/* The device that all of the tree must be on, level 0 included: that of what holds it. */
static int file_look_above(struct file_removal *r, struct err *e)
{
    char parent[PATH_MAX];
    struct stat st;
    if (file_parent(r->top, parent, e)) {
        return -1;
    }
    if (fstatat(r->parent_fd, parent, &st, 0) != 0) {
        return err_set(e, err_kind_of(errno), errno, "look at the folder of '%s'", r->top);
    }
    r->dev = st.st_dev;
    return 0;
}

int file_remove_tree_at(int dirfd, const char *name, struct err *e)
{
    AUTO(file_removal) struct file_removal r = { .parent_fd = dirfd, .top = name };
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    if (*last == '\0' || file_is_dots(last)) {
        return err_set(e, ERR_USAGE, 0, "remove '%s': not the name of a file or directory", name);
    }
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR) {
        return err_set(e, err_kind_of(errno), errno, "remove '%s'", name);
    }
    if (file_look_above(&r, e) != 0 || file_enter(&r, name, e) != 0 ||
        file_remove_below(&r, e) != 0) {
        return err_wrap(e, "remove '%s'", name);
    }
    return 0;
}
