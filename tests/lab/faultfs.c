/*
 * A filesystem whose faults are known: a directory shown again through FUSE, with rules.
 *     faultfs [--buffered] [--counts FILE] BACKING MOUNTPOINT RULE...
 * RULE is OP:WHEN:K:WHAT[:VALUE].
 *     OP      read, write, sync (fsync and fdatasync), change (whatever a read-only one refuses)
 *     WHEN    every K-th call; at the K-th; from the K-th on; past K bytes of all that are written
 *     WHAT    delay:MICROSECONDS; error:ERRNO; short:BYTES (fewer are read or written); hang
 * Files are opened with direct I/O, so that every write of a program arrives here; --buffered
 * leaves that to the program. It stays in the foreground until it is unmounted, then tells what it
 * counted: writes N BYTES / syncs N / reads N BYTES / rule N HITS
 */
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "probes/kit/auto.h"

enum {
    FAULT_RULES = 8,
    FAULT_PATH_BYTES = 4096
};

enum fault_op {
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_CHANGE,
    FAULT_OPS
};

enum fault_when {
    FAULT_EVERY,
    FAULT_AT,
    FAULT_FROM,
    FAULT_PAST
};

enum fault_what {
    FAULT_DELAY,
    FAULT_ERROR,
    FAULT_SHORT,
    FAULT_HANG
};

static const char *const fault_ops[] = { "read", "write", "sync", "change", NULL };
static const char *const fault_whens[] = { "every", "at", "from", "past", NULL };
static const char *const fault_whats[] = { "delay", "error", "short", "hang", NULL };

struct fault {
    int op, when, what;
    uint64_t k, value;
    uint64_t hits;
};

/* The one mount; FUSE hands it to every callback. */
struct faultfs {
    int root_fd; /* of the backing directory */
    bool buffered;
    const char *counts;
    pthread_mutex_t lock; /* of what follows */
    uint64_t calls[FAULT_OPS];
    uint64_t read_bytes, written_bytes;
    uint64_t admitted_bytes; /* those of writes under way too */
    unsigned fault_count;
    struct fault faults[FAULT_RULES];
};

static struct faultfs *fs_of(void)
{
    return fuse_get_context()->private_data;
}

/* Below the backing directory, whose own path is ".". */
static const char *fs_below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int fs_status(int status)
{
    return status < 0 ? -errno : 0;
}

static bool fault_meets(const struct fault *f, uint64_t call, uint64_t admitted_bytes)
{
    switch (f->when) {
    case FAULT_EVERY:
        return call % f->k == 0;
    case FAULT_AT:
        return call == f->k;
    case FAULT_FROM:
        return call >= f->k;
    default:
        return admitted_bytes > f->k;
    }
}

/* The rule that this call meets, if any; `bytes` are about to be written. */
static struct fault fault_next(struct faultfs *fs, enum fault_op op, uint64_t bytes)
{
    struct fault met = { .what = -1 };
    (void)pthread_mutex_lock(&fs->lock);
    uint64_t call = ++fs->calls[op];
    for (unsigned i = 0; i < fs->fault_count && met.what < 0; i++) {
        struct fault *f = &fs->faults[i];
        if (f->op == (int)op && fault_meets(f, call, fs->admitted_bytes + bytes)) {
            f->hits++;
            met = *f;
        }
    }
    if (met.what != FAULT_ERROR)
        fs->admitted_bytes += bytes;
    (void)pthread_mutex_unlock(&fs->lock);
    return met;
}

static void fault_delay(uint64_t us)
{
    struct timespec left = { .tv_sec = (time_t)(us / 1000000),
                             .tv_nsec = (long)(us % 1000000) * 1000 };
    while (nanosleep(&left, &left) && errno == EINTR) {
    }
}

/* 0, or the error to answer; a hang answers nothing. */
static int fault_suffer(const struct fault *met)
{
    if (met->what == FAULT_DELAY)
        fault_delay(met->value);
    while (met->what == FAULT_HANG)
        (void)pause();
    return met->what == FAULT_ERROR ? -(int)met->value : 0;
}

static int fault_change(struct faultfs *fs)
{
    struct fault met = fault_next(fs, FAULT_CHANGE, 0);
    return fault_suffer(&met);
}

static size_t fault_size(const struct fault *met, size_t size)
{
    return met->what == FAULT_SHORT && met->value < size ? met->value : size;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    return fs_status(fi ? fstat((int)fi->fh, st)
                        : fstatat(fs_of()->root_fd, fs_below(path), st, AT_SYMLINK_NOFOLLOW));
}

static int fs_opendir(const char *path, struct fuse_file_info *fi)
{
    int fd = openat(fs_of()->root_fd, fs_below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fi->fh = (uint64_t)fd;
    return fs_status(fd);
}

static int fs_readdir(const char *path, void *out, fuse_fill_dir_t fill, off_t at,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    (void)path;
    (void)at;
    (void)flags;
    int fd = openat((int)fi->fh, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return -errno;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir))
        (void)fill(out, d->d_name, NULL, 0, 0);
    (void)closedir(dir);
    return 0;
}

static int fs_open_as(const char *path, int flags, mode_t mode, struct fuse_file_info *fi)
{
    /* The backing directory may have no direct I/O; the bytes are to arrive here, no further. */
    int fd = openat(fs_of()->root_fd, fs_below(path), (flags & ~O_DIRECT) | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    fi->fh = (uint64_t)fd;
    fi->direct_io = !fs_of()->buffered;
    return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
    return fs_open_as(path, fi->flags & ~(O_CREAT | O_EXCL), 0, fi);
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    int status = fault_change(fs_of());
    return status ? status : fs_open_as(path, fi->flags | O_CREAT, mode, fi);
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
    (void)path;
    (void)close((int)fi->fh);
    return 0;
}

static int fs_read(const char *path, char *bytes, size_t size, off_t at, struct fuse_file_info *fi)
{
    (void)path;
    struct faultfs *fs = fs_of();
    struct fault met = fault_next(fs, FAULT_READ, 0);
    int status = fault_suffer(&met);
    if (status)
        return status;
    ssize_t n = pread((int)fi->fh, bytes, fault_size(&met, size), at);
    if (n < 0)
        return -errno;
    (void)pthread_mutex_lock(&fs->lock);
    fs->read_bytes += (uint64_t)n;
    (void)pthread_mutex_unlock(&fs->lock);
    return (int)n;
}

static int fs_write(const char *path, const char *bytes, size_t size, off_t at,
                    struct fuse_file_info *fi)
{
    (void)path;
    struct faultfs *fs = fs_of();
    struct fault met = fault_next(fs, FAULT_WRITE, size);
    int status = fault_suffer(&met);
    status = status ? status : fault_change(fs);
    if (status)
        return status;
    ssize_t n = pwrite((int)fi->fh, bytes, fault_size(&met, size), at);
    if (n < 0)
        return -errno;
    (void)pthread_mutex_lock(&fs->lock);
    fs->written_bytes += (uint64_t)n;
    (void)pthread_mutex_unlock(&fs->lock);
    return (int)n;
}

/* What it is backed by is no matter: a sync costs what the rules say. */
static int fs_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
    (void)path;
    (void)data_only;
    (void)fi;
    struct fault met = fault_next(fs_of(), FAULT_SYNC, 0);
    return fault_suffer(&met);
}

static int fs_fallocate(const char *path, int mode, off_t at, off_t size, struct fuse_file_info *fi)
{
    (void)path;
    int status = fault_change(fs_of());
    return status ? status : fs_status(fallocate((int)fi->fh, mode, at, size));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    (void)path;
    int status = fault_change(fs_of());
    if (!status && !fi)
        status = -EOPNOTSUPP;
    return status ? status : fs_status(ftruncate((int)fi->fh, size));
}

static int fs_mkdir(const char *path, mode_t mode)
{
    int status = fault_change(fs_of());
    return status ? status : fs_status(mkdirat(fs_of()->root_fd, fs_below(path), mode));
}

static int fs_remove(const char *path, int flags)
{
    int status = fault_change(fs_of());
    return status ? status : fs_status(unlinkat(fs_of()->root_fd, fs_below(path), flags));
}

static int fs_unlink(const char *path)
{
    return fs_remove(path, 0);
}

static int fs_rmdir(const char *path)
{
    return fs_remove(path, AT_REMOVEDIR);
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
    struct faultfs *fs = fs_of();
    int status = flags ? -EINVAL : fault_change(fs);
    return status ? status
                  : fs_status(renameat(fs->root_fd, fs_below(from), fs->root_fd, fs_below(to)));
}

static int fs_statfs(const char *path, struct statvfs *vfs)
{
    (void)path;
    return fs_status(fstatvfs(fs_of()->root_fd, vfs));
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *conf)
{
    (void)conn;
    conf->hard_remove = 1; /* an unlinked file is gone from its directory at once */
    conf->nullpath_ok = 1;
    conf->use_ino = 1;
    return fs_of();
}

static void fs_destroy(void *private_data)
{
    struct faultfs *fs = private_data;
    AUTO_FCLOSE FILE *out = fs->counts ? fopen(fs->counts, "we") : NULL;
    if (!out)
        return;
    (void)fprintf(out, "writes %" PRIu64 " %" PRIu64 "\n", fs->calls[FAULT_WRITE],
                  fs->written_bytes);
    (void)fprintf(out, "syncs %" PRIu64 "\nreads %" PRIu64 " %" PRIu64 "\n", fs->calls[FAULT_SYNC],
                  fs->calls[FAULT_READ], fs->read_bytes);
    for (unsigned i = 0; i < fs->fault_count; i++)
        (void)fprintf(out, "rule %u %" PRIu64 "\n", i + 1, fs->faults[i].hits);
}

static const struct fuse_operations fs_operations = {
    .init = fs_init,
    .destroy = fs_destroy,
    .getattr = fs_getattr,
    .opendir = fs_opendir,
    .readdir = fs_readdir,
    .releasedir = fs_release,
    .open = fs_open,
    .create = fs_create,
    .release = fs_release,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
    .fallocate = fs_fallocate,
    .truncate = fs_truncate,
    .mkdir = fs_mkdir,
    .unlink = fs_unlink,
    .rmdir = fs_rmdir,
    .rename = fs_rename,
    .statfs = fs_statfs,
};

static int rule_word(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

static int rule_parse(char *text, struct fault *f)
{
    char *parts[5] = { NULL };
    unsigned count = 0;
    for (char *part = strsep(&text, ":"); part && count < 5; part = strsep(&text, ":"))
        parts[count++] = part;
    if (count < 4)
        return -1;
    *f = (struct fault){ .op = rule_word(fault_ops, parts[0]),
                         .when = rule_word(fault_whens, parts[1]),
                         .k = strtoull(parts[2], NULL, 10),
                         .what = rule_word(fault_whats, parts[3]),
                         .value = parts[4] ? strtoull(parts[4], NULL, 10) : 0 };
    return f->op < 0 || f->when < 0 || f->what < 0 || (f->when == FAULT_EVERY && f->k == 0) ? -1
                                                                                            : 0;
}

/* The options and rules; the place of the mount point among the arguments, or -1. */
static int faultfs_read(struct faultfs *fs, int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--buffered") == 0)
            fs->buffered = true;
        else if (strcmp(argv[at], "--counts") == 0 && at + 1 < argc)
            fs->counts = argv[++at];
        else
            return -1;
    }
    if (argc - at < 2 || argc - at - 2 > FAULT_RULES)
        return -1;
    fs->root_fd = open(argv[at], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = at + 2; i < argc; i++) {
        if (rule_parse(argv[i], &fs->faults[fs->fault_count++]))
            return -1;
    }
    return fs->root_fd < 0 ? -1 : at + 1;
}

int main(int argc, char **argv)
{
    static struct faultfs fs = { .lock = PTHREAD_MUTEX_INITIALIZER };
    int mount = faultfs_read(&fs, argc, argv);
    if (mount < 0) {
        (void)fprintf(stderr, "usage: faultfs [--buffered] [--counts FILE] BACKING MOUNTPOINT "
                              "OP:WHEN:K:WHAT[:VALUE]...\n");
        return 3;
    }
    char options[] = "-ofsname=faultfs,subtype=faultfs,allow_other";
    char foreground[] = "-f";
    char *args[] = { argv[0], foreground, options, argv[mount] };
    return fuse_main(sizeof args / sizeof args[0], args, &fs_operations, &fs);
}
