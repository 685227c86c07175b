#include "probes/image/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/file.h"

int batch_open(struct batch *b, struct err *e)
{
    *b = (struct batch){ .number = 1, .arena = malloc(BATCH_ARENA_BYTES) };
    if (!b->arena)
        return err_set(e, ERR_NO_RESOURCE, 0, "no memory for files that are queued");
    b->chain = chain_open(e);
    if (b->chain)
        return 0;
    batch_release(b);
    return -1;
}

void batch_release(struct batch *b)
{
    batch_drop(b);
    chain_close(b->chain);
    b->chain = NULL;
    free(b->arena);
    b->arena = NULL;
}

void batch_start(struct batch *b, struct rules_count *skips)
{
    batch_drop(b);
    b->skips = skips;
    b->has_failed = false;
}

bool batch_takes(const struct batch *b, const struct untar_entry *entry)
{
    return b && entry->size <= BATCH_FILE_BYTES && !entry->is_sparse && entry->xattrs_size == 0;
}

/* SOURCE: FNV-1a, 32 bits; the paths themselves are compared too. */
static uint32_t batch_sum(const char *path, size_t size)
{
    uint32_t sum = 2166136261U;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (uint8_t)path[i]) * 16777619U;
    return sum;
}

bool batch_has(const struct batch *b, const char *path, size_t size)
{
    if (!b || b->count == 0)
        return false;
    uint32_t sum = batch_sum(path, size);
    for (unsigned i = 0; i < b->count; i++) {
        const struct batch_file *f = &b->files[i];
        if (f->sum == sum && strncmp(f->path, path, size) == 0 && f->path[size] == '\0')
            return true;
    }
    return false;
}

bool batch_awaits(const struct batch *b, uint64_t number)
{
    return b && b->count > 0 && b->number == number;
}

int batch_add(struct batch *b, const struct batch_file *file, struct err *e)
{
    size_t path_size = strlen(file->path);
    size_t wanted = path_size + 1 + file->size;
    bool is_full = b->count == CHAIN_FILES || BATCH_ARENA_BYTES - b->used < wanted;
    if (is_full && batch_flush(b, e))
        return -1;
    struct batch_file *f = &b->files[b->count];
    char *path = (char *)b->arena + b->used;
    memcpy(path, file->path, path_size + 1);
    *f = *file;
    f->path = path;
    f->last = path + (file->last - file->path);
    f->sum = batch_sum(path, path_size);
    b->made[b->count] = (struct chain_file){ .dir_fd = f->dir_fd,
                                             .name = f->last,
                                             .bytes = (uint8_t *)path + path_size + 1,
                                             .size = f->size,
                                             .mode = f->mode };
    b->used += wanted;
    b->count++;
    return 0;
}

void batch_content(struct batch *b, const struct untar_piece *piece)
{
    size_t at = b->used - b->files[b->count - 1].size;
    memcpy(b->arena + at + piece->offset, piece->bytes, piece->size);
}

int batch_hold(struct batch *b, const struct batch_dir *dir, struct err *e)
{
    int failed = b->dir_count == BATCH_DIRS ? batch_flush(b, e) : 0;
    b->dirs[b->dir_count++] = *dir;
    return failed;
}

static int batch_write(int fd, const struct chain_file *made, struct err *e)
{
    for (size_t done = 0; done < made->size;) {
        ssize_t n = write(fd, made->bytes + done, made->size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rules_fail("write its content", e);
        done += (size_t)n;
    }
    return 0;
}

/* By calls: what has its name, or is there in part, goes. */
static int batch_make_again(const struct chain_file *made, struct err *e)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (file_remove_tree_at(made->dir_fd, made->name, e))
        return err_wrap(e, "replace what has its name");
    int fd = openat(made->dir_fd, made->name, flags, made->mode);
    if (fd < 0)
        return rules_fail("create it", e);
    int failed = batch_write(fd, made, e);
    return close(fd) && !failed ? rules_fail("close it", e) : failed;
}

/* Owner, mode and times; nothing follows a link, and what has the name is no link. */
static int batch_stamp(const struct batch *b, const struct batch_file *f, struct err *e)
{
    if (f->gives_away && fchownat(f->dir_fd, f->last, f->uid, f->gid, AT_SYMLINK_NOFOLLOW) &&
        rules_owner_failed(b->skips, e))
        return -1;
    if (f->sets_mode && fchmodat(f->dir_fd, f->last, f->last_mode, 0))
        return rules_fail("set the mode", e);
    if (utimensat(f->dir_fd, f->last, f->times, AT_SYMLINK_NOFOLLOW))
        return rules_fail("set the times", e);
    return 0;
}

/* In their order: a later one may replace the directory of an earlier one. */
static int batch_complete(const struct batch *b, struct err *e)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct batch_file *f = &b->files[i];
        if ((!b->made[i].is_made && batch_make_again(&b->made[i], e)) || batch_stamp(b, f, e))
            return rules_wrap(&(struct untar_entry){ .path = f->path }, e);
    }
    return 0;
}

static int batch_leave(const struct batch_dir *dir, struct err *e)
{
    if (dir->sets_mode && fchmod(dir->fd, dir->mode))
        return err_set(e, err_kind_of(errno), errno, "set a directory's mode");
    if (dir->has_times && futimens(dir->fd, dir->times))
        return err_set(e, err_kind_of(errno), errno, "set a directory's times");
    return 0;
}

int batch_flush(struct batch *b, struct err *e)
{
    if (!b)
        return 0;
    int failed = chain_make(b->chain, b->made, b->count, e) || batch_complete(b, e);
    for (unsigned i = 0; i < b->dir_count && !failed; i++)
        failed = batch_leave(&b->dirs[i], e);
    batch_drop(b);
    b->has_failed = b->has_failed || failed;
    return failed ? -1 : 0;
}

void batch_stop(struct batch *b, bool is_whole)
{
    struct err e;
    if (!b)
        return;
    b->count -= b->count > 0 && !is_whole;
    if (!b->has_failed)
        (void)batch_flush(b, &e);
    batch_drop(b);
}

int batch_clear(struct batch *b, const char *path, size_t size, struct err *e)
{
    bool is_clear = !b || (b->dir_count == 0 && !batch_has(b, path, size));
    return is_clear ? 0 : batch_flush(b, e);
}

void batch_drop(struct batch *b)
{
    if (!b)
        return;
    for (unsigned i = 0; i < b->dir_count; i++)
        (void)close(b->dirs[i].fd);
    b->dir_count = 0;
    b->count = 0;
    b->used = 0;
    b->number++;
}
