#include "probes/image/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"
#include "probes/kit/clk.h"
#include "probes/kit/file.h"

enum {
    REMOVAL_NAMES_BYTES = 4096,    /* of one directory, read at once */
    REMOVAL_PASSES_MAX = 1000,     /* readings of a directory that is not empty yet */
    REMOVAL_TOP_BYTES = 32 << 10,  /* of the tree's top: a name a layer */
    REMOVAL_TOP_NAMES = 1024,      /* 24 bytes is the shortest record: more do not fit */
    REMOVAL_CHECK_ENTRIES = 1 << 5 /* between two looks at the clock */
};

/* One thread's part. */
struct removal {
    const struct removal_conf *conf;
    bool is_root;
    uint64_t entries;
    struct err err;
};

static int removal_check(struct removal *r)
{
    if (r->conf->stopping && *r->conf->stopping)
        return err_set(&r->err, ERR_INTERRUPTED, 0, "interrupted while the tree was being removed");
    if (r->conf->until_ns && r->entries % REMOVAL_CHECK_ENTRIES == 0 &&
        clk_now_ns() > r->conf->until_ns)
        return err_set(&r->err, ERR_TIMEOUT, 0, "the time for removing the tree is over");
    return 0;
}

static bool removal_is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int removal_entry(struct removal *r, int fd, const char *name, unsigned level);

/* Removes what is read from a directory's start to its end. */
static int removal_pass(struct removal *r, int fd, const char *dir, unsigned level)
{
    _Alignas(struct dirent64) char names[REMOVAL_NAMES_BYTES];
    ssize_t size = 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_set(&r->err, err_kind_of(errno), errno, "read the directory '%s'", dir);
    while ((size = getdents64(fd, names, sizeof names)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *d = (const struct dirent64 *)(const void *)(names + at);
            at += d->d_reclen;
            if (!removal_is_dots(d->d_name) && removal_entry(r, fd, d->d_name, level + 1))
                return -1;
        }
    }
    return size == 0 ? 0
                     : err_set(&r->err, err_kind_of(errno), errno, "read the directory '%s'", dir);
}

/* Without privilege a directory may forbid what is to be done in it. */
static int removal_open_dir(struct removal *r, int parent_fd, const char *name)
{
    if (!r->is_root && fchmodat(parent_fd, name, S_IRWXU, 0))
        return err_set(&r->err, err_kind_of(errno), errno, "get into '%s'", name);
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : err_set(&r->err, err_kind_of(errno), errno, "open '%s'", name);
}

/* Filesystems may pass over names while others are removed: then it is read again. */
static int removal_dir(struct removal *r, int parent_fd, const char *name, unsigned level)
{
    AUTO_CLOSE int fd = removal_open_dir(r, parent_fd, name);
    if (fd < 0)
        return -1;
    for (unsigned i = 0; i < REMOVAL_PASSES_MAX; i++) {
        if (removal_pass(r, fd, name, level))
            return -1;
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0) {
            r->entries++;
            return 0;
        }
        if (errno != ENOTEMPTY && errno != EEXIST)
            break;
    }
    return err_set(&r->err, err_kind_of(errno), errno, "remove '%s'", name);
}

static int removal_entry(struct removal *r, int fd, const char *name, unsigned level)
{
    if (removal_check(r))
        return -1;
    if (unlinkat(fd, name, 0) == 0) {
        r->entries++;
        return 0;
    }
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return errno == ENOENT ? 0
                               : err_set(&r->err, err_kind_of(errno), errno, "remove '%s'", name);
    if (level < REMOVAL_LEVELS)
        return removal_dir(r, fd, name, level);
    r->entries++;
    return file_remove_tree_at(fd, name, &r->err);
}

/* What is shared: each thread takes the next name of the top that nobody has. */
struct removal_top {
    int fd;
    _Alignas(struct dirent64) char text[REMOVAL_TOP_BYTES];
    const char *names[REMOVAL_TOP_NAMES]; /* in text */
    unsigned count;
    atomic_uint next;
    atomic_bool failed;
};

struct removal_thread {
    struct removal own;
    struct removal_top *top;
    pthread_t id;
};

static void *removal_live(void *arg)
{
    struct removal_thread *t = arg;
    struct removal_top *top = t->top;
    unsigned at = atomic_fetch_add(&top->next, 1);
    for (; at < top->count && !top->failed; at = atomic_fetch_add(&top->next, 1)) {
        if (removal_entry(&t->own, top->fd, top->names[at], 1))
            top->failed = true;
    }
    return NULL;
}

/* The first thread is the caller's. */
static int removal_share(struct removal_top *top, struct removal_thread *threads, unsigned count,
                         struct err *e)
{
    unsigned made = 1;
    top->next = 0;
    while (made < count && made < top->count &&
           pthread_create(&threads[made].id, NULL, removal_live, &threads[made]) == 0)
        made++;
    (void)removal_live(&threads[0]);
    for (unsigned i = 1; i < made; i++)
        (void)pthread_join(threads[i].id, NULL);
    for (unsigned i = 0; i < made; i++) {
        if (threads[i].own.err.kind != ERR_NONE) {
            *e = threads[i].own.err;
            return -1;
        }
    }
    return 0;
}

/* Reads the names of the top. */
static int removal_list(struct removal_top *top, struct err *e)
{
    ssize_t size =
        lseek(top->fd, 0, SEEK_SET) < 0 ? -1 : getdents64(top->fd, top->text, sizeof top->text);
    if (size < 0)
        return err_set(e, err_kind_of(errno), errno, "read the tree's top");
    top->count = 0;
    for (ssize_t at = 0; at < size && top->count < REMOVAL_TOP_NAMES;) {
        const struct dirent64 *d = (const struct dirent64 *)(const void *)(top->text + at);
        at += d->d_reclen;
        if (!removal_is_dots(d->d_name))
            top->names[top->count++] = d->d_name;
    }
    return 0;
}

static int removal_tops(struct removal_top *top, struct removal_thread *threads, unsigned count,
                        struct err *e)
{
    do {
        if (removal_list(top, e) || removal_share(top, threads, count, e))
            return -1;
    } while (top->count > 0);
    return 0;
}

static int removal_tree(const struct removal_conf *conf, int dir_fd, const char *name,
                        struct removal_count *count, struct err *e)
{
    struct removal_thread threads[REMOVAL_THREADS_MAX];
    struct removal_top top = { .fd = -1 };
    unsigned wanted = conf->threads < REMOVAL_THREADS_MAX ? conf->threads : REMOVAL_THREADS_MAX;
    for (unsigned i = 0; i < REMOVAL_THREADS_MAX; i++)
        threads[i] = (struct removal_thread){
            .own = {.conf = conf, .is_root = geteuid() == 0},
              .top = &top
        };
    AUTO_CLOSE int fd = removal_open_dir(&threads[0].own, dir_fd, name);
    top.fd = fd;
    if (fd < 0)
        *e = threads[0].own.err;
    int failed = fd < 0 || removal_tops(&top, threads, wanted, e) ? -1 : 0;
    for (unsigned i = 0; i < REMOVAL_THREADS_MAX; i++)
        count->entries += threads[i].own.entries;
    if (!failed && unlinkat(dir_fd, name, AT_REMOVEDIR))
        failed = err_set(e, err_kind_of(errno), errno, "remove '%s'", name);
    count->entries += !failed;
    return failed;
}

int removal_run(const struct removal_conf *conf, int dir_fd, const char *name,
                struct removal_count *count, struct err *e)
{
    uint64_t began_ns = clk_now_ns();
    int failed = 0;
    *count = (struct removal_count){ 0 };
    if (unlinkat(dir_fd, name, 0) == 0)
        count->entries = 1;
    else if (errno != ENOENT)
        failed = removal_tree(conf, dir_fd, name, count, e);
    count->took_ns = clk_now_ns() - began_ns;
    return failed;
}
