#include "probes/image/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/beneath.h"
#include "probes/kit/auto.h"

enum {
    SHELF_CHUNK_BYTES = 64 << 10,
    SHELF_MAGIC_BYTES = 6
};

struct shelf_packer {
    const char *magic;
    size_t size;
    const char *name, *remedy;
};

/* SOURCE: the formats' first bytes: RFC 1952, RFC 8878, the .xz format 1.1, bzip2. */
static const struct shelf_packer shelf_packers[] = {
    {"\x1f\x8b",          2, "gzip",  "gunzip" },
    { "\x28\xb5\x2f\xfd", 4, "zstd",  "unzstd" },
    { "\xfd"
      "7zXZ",        5, "xz",    "unxz"   },
    { "BZh",              3, "bzip2", "bunzip2"},
};

/* Looked at before it is opened: opening a device may do something. */
static int shelf_open_file(int dir_fd, const char *name, int more_flags, struct stat *st,
                           struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    int look = more_flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
    if (fstatat(dir_fd, name, st, look))
        return err_set(e, err_kind_of(errno), errno, "look at '%s'", beneath_show(name, shown));
    if (S_ISLNK(st->st_mode))
        return err_set(e, ERR_DATA, 0,
                       "'%s' is a symbolic link, which is not followed; copy the "
                       "image with cp -rL",
                       beneath_show(name, shown));
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return err_set(e, ERR_DATA, 0, "'%s' is no regular file", beneath_show(name, shown));
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | more_flags);
    if (fd < 0)
        return err_set(e, err_kind_of(errno), errno, "open '%s'", beneath_show(name, shown));
    if (fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        return fd;
    (void)close(fd);
    return err_set(e, ERR_DATA, 0, "'%s' changed while it was opened", beneath_show(name, shown));
}

/* Part after part of "blobs/sha256/...", so that none on the way is a link. */
static int shelf_open_below(int root_fd, const char *name, struct stat *st, struct err *e)
{
    char part[NAME_MAX + 1];
    AUTO_CLOSE int at = -1;
    for (;;) {
        size_t size = strcspn(name, "/");
        if (size == 0 || size > NAME_MAX || strncmp(name, "..", size) == 0)
            return err_set(e, ERR_DATA, 0, "a file of the image has no proper name");
        memcpy(part, name, size);
        part[size] = '\0';
        bool is_last = name[size] == '\0';
        int flags = O_NOFOLLOW | (is_last ? 0 : O_DIRECTORY);
        int fd = shelf_open_file(at < 0 ? root_fd : at, part, flags, st, e);
        if (fd < 0 || is_last)
            return fd;
        auto_close_fd(&at);
        at = fd;
        name += size + 1;
    }
}

static int shelf_refuse_packed(int fd, struct err *e)
{
    char magic[SHELF_MAGIC_BYTES] = { 0 };
    ssize_t n = pread(fd, magic, sizeof magic, 0);
    for (size_t i = 0; n > 0 && i < sizeof shelf_packers / sizeof *shelf_packers; i++) {
        const struct shelf_packer *p = &shelf_packers[i];
        if (memcmp(magic, p->magic, p->size) == 0)
            return err_set(e, ERR_DATA, 0,
                           "the archive is compressed by %s, and layers are read "
                           "where they lie: unpack it with %s first",
                           p->name, p->remedy);
    }
    return 0;
}

int shelf_open(struct shelf *s, int dir_fd, const char *path, struct err *e)
{
    struct stat st = { 0 };
    *s = (struct shelf){ .fd = shelf_open_file(dir_fd, path, 0, &st, e) };
    if (s->fd < 0)
        return -1;
    s->is_archive = S_ISREG(st.st_mode);
    if (s->is_archive && (shelf_refuse_packed(s->fd, e) ||
                          catalog_read(&s->catalog, s->fd, (uint64_t)st.st_size, e))) {
        shelf_release(s);
        return -1;
    }
    return 0;
}

void shelf_release(struct shelf *s)
{
    for (unsigned i = 0; i < s->fd_count; i++)
        (void)close(s->fds[i]);
    free(s->fds);
    auto_close_fd(&s->fd);
    catalog_release(&s->catalog);
    *s = (struct shelf){ .fd = -1 };
}

bool shelf_has(const struct shelf *s, const char *name)
{
    return s->is_archive ? catalog_has(&s->catalog, name) : faccessat(s->fd, name, F_OK, 0) == 0;
}

/* Opens a file of a directory; an archive's is the archive itself. */
static int shelf_find(const struct shelf *s, const char *name, struct shelf_book *book,
                      struct err *e)
{
    struct stat st = { 0 };
    char shown[BENEATH_SHOWN_BYTES];
    *book = (struct shelf_book){ .fd = s->fd };
    if (s->is_archive)
        return catalog_find(&s->catalog, name, &book->offset, &book->size, e);
    int fd = shelf_open_below(s->fd, name, &st, e);
    if (fd < 0)
        return e->sys == ENOENT
                   ? err_set(e, ERR_DATA, 0, "it holds no '%s'", beneath_show(name, shown))
                   : -1;
    if (!S_ISREG(st.st_mode)) {
        (void)close(fd);
        return err_set(e, ERR_DATA, 0, "'%s' is a directory", beneath_show(name, shown));
    }
    book->fd = fd;
    book->size = (uint64_t)st.st_size;
    return 0;
}

static int shelf_copy(const struct shelf_book *book, struct buf *out, struct err *e)
{
    char chunk[SHELF_CHUNK_BYTES];
    for (uint64_t at = 0; at < book->size;) {
        uint64_t left = book->size - at;
        ssize_t n = pread(book->fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk,
                          (off_t)(book->offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, err_kind_of(errno), errno, "read it");
        if (n == 0)
            return err_set(e, ERR_DATA, 0, "it became shorter while it was read");
        buf_add(out, chunk, (size_t)n);
        at += (uint64_t)n;
    }
    return out->failed ? err_set(e, ERR_NO_RESOURCE, 0, "no memory to read it") : 0;
}

int shelf_read(struct shelf *s, const char *name, struct buf *out, struct err *e)
{
    struct shelf_book book;
    buf_clear(out);
    if (shelf_find(s, name, &book, e))
        return -1;
    int failed = book.size > out->cap
                     ? err_set(e, ERR_DATA, 0, "%llu bytes, and at most %zu are read",
                               (unsigned long long)book.size, out->cap)
                     : shelf_copy(&book, out, e);
    if (!s->is_archive)
        (void)close(book.fd);
    return failed;
}

int shelf_take(struct shelf *s, const char *name, struct shelf_book *book, struct err *e)
{
    if (shelf_find(s, name, book, e))
        return -1;
    if (s->is_archive)
        return 0;
    int *fds = reallocarray(s->fds, s->fd_count + 1, sizeof *fds);
    if (!fds) {
        (void)close(book->fd);
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory to open an image");
    }
    s->fds = fds;
    s->fds[s->fd_count++] = book->fd;
    return 0;
}

int shelf_surrender(struct shelf *s, int **fds, unsigned *count, struct err *e)
{
    if (s->is_archive) {
        s->fds = malloc(sizeof *s->fds);
        if (!s->fds)
            return err_set(e, ERR_NO_RESOURCE, 0, "no memory to open an image");
        s->fds[s->fd_count++] = s->fd;
        s->fd = -1;
    }
    *fds = s->fds;
    *count = s->fd_count;
    s->fds = NULL;
    s->fd_count = 0;
    return 0;
}
