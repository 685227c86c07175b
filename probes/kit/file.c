#include "probes/kit/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/limits.h"

enum {
    FILE_CHUNK_BYTES = 16384,
    FILE_DEPTH_MAX = 4096
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
        if (out->size + (size_t)n > cap)
            return err_set(e, ERR_DATA, 0, "'%s' is larger than the %zu bytes it may have", path,
                           cap);
        buf_add(out, chunk, (size_t)n);
    }
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to read '%s'", path) : 0;
}

int file_line_at(int dirfd, const char *path, char *line, size_t size, struct err *e)
{
    AUTO(buf) struct buf text = { 0 };
    line[0] = '\0';
    if (file_read_at(dirfd, path, &text, e))
        return -1;
    size_t n = strcspn(buf_text(&text), "\n");
    while (n > 0 && (text.data[n - 1] == ' ' || text.data[n - 1] == '\t'))
        n--;
    if (n > size - 1)
        n = size - 1;
    if (n)
        memcpy(line, text.data, n);
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
    if (errno || end == line || *end || line[0] == '-')
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

static int file_sync_parent(int dirfd, const char *path, struct err *e)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 1;
    if (n >= sizeof parent)
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "'%s'", path);
    memcpy(parent, slash ? path : ".", n);
    parent[n] = '\0';
    AUTO_CLOSE int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) && errno != EINVAL && errno != EROFS))
        return err_set(e, err_kind_of(errno), errno, "sync the folder of '%s'", path);
    return 0;
}

static int file_write_temporary(int dirfd, const char *temporary, const void *bytes, size_t size,
                                struct err *e)
{
    AUTO_CLOSE int fd =
        openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "create '%s'", temporary);
    if (file_write_all(fd, bytes, size, e))
        return err_wrap(e, "'%s'", temporary);
    if (fsync(fd))
        return err_set(e, err_kind_of(errno), errno, "sync '%s'", temporary);
    return 0;
}

int file_write_atomic_at(int dirfd, const char *path, const void *bytes, size_t size, struct err *e)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.tmp%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return err_set(e, ERR_USAGE, ENAMETOOLONG, "'%s'", path);
    int failed = file_write_temporary(dirfd, temporary, bytes, size, e);
    if (!failed && renameat(dirfd, temporary, dirfd, path))
        failed = err_set(e, err_kind_of(errno), errno, "rename '%s' to '%s'", temporary, path);
    if (failed) {
        (void)unlinkat(dirfd, temporary, 0);
        return -1;
    }
    return file_sync_parent(dirfd, path, e);
}

/* One directory on the way down of a removal. */
struct file_level {
    DIR *dir;
    char name[NAME_MAX + 1]; /* below the level above */
};

static DIR *file_open_dir(int dirfd, const char *name, dev_t dev)
{
    struct stat st;
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && !fchmodat(dirfd, name, 0700, 0))
        fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) || st.st_dev != dev)) {
        auto_close_fd(&fd);
        errno = EXDEV; /* something is mounted there */
        return NULL;
    }
    if (fd >= 0)
        (void)fchmod(fd, 0700);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        auto_close_fd(&fd);
    return dir;
}

static bool file_is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Empties one directory of files; the name of its first subdirectory, or NULL when it is empty. */
static const char *file_empty(DIR *dir, struct err *e)
{
    int fd = dirfd(dir);
    rewinddir(dir);
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) { // NOLINT(concurrency-mt-unsafe)
        if (file_is_dots(d->d_name))
            continue;
        if (!unlinkat(fd, d->d_name, 0) || errno == ENOENT)
            continue;
        if (errno == EISDIR || errno == EPERM)
            return d->d_name;
        (void)err_set(e, err_kind_of(errno), errno, "remove '%s'", d->d_name);
        return NULL;
    }
    return NULL;
}

/* Walks down and up with an explicit stack, so that depth costs heap, not stack. */
static int file_remove_below(struct file_level *levels, dev_t dev, struct err *e)
{
    size_t depth = 0;
    for (;;) {
        e->kind = ERR_NONE;
        const char *sub = file_empty(levels[depth].dir, e);
        if (e->kind != ERR_NONE)
            return -1;
        if (sub && depth + 1 < FILE_DEPTH_MAX) {
            struct file_level *next = &levels[depth + 1];
            (void)snprintf(next->name, sizeof next->name, "%s", sub);
            next->dir = file_open_dir(dirfd(levels[depth].dir), next->name, dev);
            if (!next->dir)
                return err_set(e, err_kind_of(errno), errno, "open '%s' to remove it", next->name);
            depth++;
            continue;
        }
        if (sub)
            return err_set(e, ERR_DATA, 0, "'%s' is nested deeper than %d", sub, FILE_DEPTH_MAX);
        if (depth == 0)
            return 0;
        (void)closedir(levels[depth].dir);
        levels[depth].dir = NULL;
        if (unlinkat(dirfd(levels[depth - 1].dir), levels[depth].name, AT_REMOVEDIR))
            return err_set(e, err_kind_of(errno), errno, "remove '%s'", levels[depth].name);
        depth--;
    }
}

int file_remove_tree_at(int dirfd, const char *name, struct err *e)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : err_set(e, err_kind_of(errno), errno, "look at '%s'", name);
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dirfd, name, 0) ? err_set(e, err_kind_of(errno), errno, "remove '%s'", name)
                                        : 0;
    struct file_level *levels = calloc(FILE_DEPTH_MAX, sizeof *levels);
    if (!levels)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to remove '%s'", name);
    levels[0].dir = file_open_dir(dirfd, name, st.st_dev);
    int failed = levels[0].dir ? file_remove_below(levels, st.st_dev, e)
                               : err_set(e, err_kind_of(errno), errno, "open '%s'", name);
    for (size_t i = 0; i < FILE_DEPTH_MAX && levels[i].dir; i++)
        (void)closedir(levels[i].dir);
    free(levels);
    if (failed)
        return err_wrap(e, "remove '%s'", name);
    return unlinkat(dirfd, name, AT_REMOVEDIR)
               ? err_set(e, err_kind_of(errno), errno, "remove '%s'", name)
               : 0;
}
