#include "probes/image/heirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probes/image/heritage.h"
#include "probes/kit/auto.h"

enum {
    HEIRS_LAYER_BYTES = 16
};

/* The name follows, terminated. */
struct heirs_record {
    uint32_t layer;
    uint32_t kind; /* enum heirs_kind */
};

int heirs_open(struct heirs *h, struct err *e)
{
    memset(h, 0, sizeof *h);
    (void)pthread_mutex_init(&h->lock, NULL);
    h->is_open = true;
    h->bytes = malloc(HEIRS_BYTES);
    h->order = malloc(HEIRS_MAX * sizeof *h->order);
    return h->bytes && h->order ? 0 : err_set(e, ERR_NO_RESOURCE, 0, "no memory to unpack layers");
}

void heirs_start(struct heirs *h)
{
    h->size = 0;
    h->count = 0;
}

void heirs_release(struct heirs *h)
{
    if (!h->is_open)
        return;
    free(h->bytes);
    free(h->order);
    (void)pthread_mutex_destroy(&h->lock);
    h->is_open = false;
}

static bool heirs_put(struct heirs *h, const struct heirs_record *record, const char *path,
                      size_t size)
{
    size_t need = sizeof *record + size + 1;
    if (h->count == HEIRS_MAX || need > HEIRS_BYTES - h->size)
        return false;
    char *at = h->bytes + h->size;
    memcpy(at, record, sizeof *record);
    memcpy(at + sizeof *record, path, size);
    at[need - 1] = '\0';
    h->order[h->count++] = (uint32_t)h->size;
    h->size += need;
    return true;
}

int heirs_add(struct heirs *h, unsigned layer, enum heirs_kind kind, const char *path, size_t size,
              struct err *e)
{
    const struct heirs_record record = { .layer = layer, .kind = kind };
    (void)pthread_mutex_lock(&h->lock);
    bool is_put = heirs_put(h, &record, path, size);
    (void)pthread_mutex_unlock(&h->lock);
    return is_put ? 0
                  : err_set(e, ERR_DATA, 0,
                            "more directories that no entry lists than an image may have (%d, and "
                            "their names %d MiB)",
                            HEIRS_MAX, HEIRS_BYTES >> 20);
}

static struct heirs_record heirs_at(const struct heirs *h, uint32_t at, const char **path)
{
    struct heirs_record record;
    memcpy(&record, h->bytes + at, sizeof record);
    *path = h->bytes + at + sizeof record;
    return record;
}

/* By layer, by name, so that a directory comes before what is in it, and as they came. */
static int heirs_compare(const void *a, const void *b, void *arg)
{
    uint32_t ours = *(const uint32_t *)a;
    uint32_t theirs = *(const uint32_t *)b;
    const char *our_path = NULL;
    const char *their_path = NULL;
    struct heirs_record our = heirs_at(arg, ours, &our_path);
    struct heirs_record their = heirs_at(arg, theirs, &their_path);
    if (our.layer != their.layer)
        return our.layer < their.layer ? -1 : 1;
    int order = strcmp(our_path, their_path);
    if (order != 0)
        return order;
    return ours < theirs ? -1 : 1;
}

/* The directory as it is now, no link followed. */
static int heirs_open_dir(int layers_fd, unsigned layer, const char *path)
{
    char name[HEIRS_LAYER_BYTES];
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    (void)snprintf(name, sizeof name, "%u", layer);
    AUTO_CLOSE int fd = openat(layers_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -1 : (int)syscall(SYS_openat2, fd, path, &how, sizeof how);
}

/* Where nothing was made in it, it keeps the modification time that it inherits. */
static bool heirs_is_empty(int dir_fd)
{
    unsigned names = 0;
    DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir)
        return false;
    /* "." and ".." are two. */
    while (names < 3 && readdir(dir)) // NOLINT(concurrency-mt-unsafe): nobody shares dir
        names++;
    (void)closedir(dir);
    return names < 3;
}

/* Nobody below has it: what the kernel takes from its parent is left, as for any new directory. */
static void heirs_set_default(int fd)
{
    struct stat parent;
    if (fstatat(fd, "..", &parent, 0) == 0 && (parent.st_mode & S_ISGID) &&
        fchown(fd, (uid_t)-1, parent.st_gid) == 0)
        (void)fchmod(fd, 0755);
}

/* What may not be set without privilege is left: it is the default then. */
static void heirs_inherit(int fd, int from_fd, bool is_listed)
{
    struct stat st;
    if (!is_listed && fstat(from_fd, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0) {
        const struct timespec kept = { .tv_nsec = UTIME_OMIT };
        const struct timespec times[2] = { st.st_atim, heirs_is_empty(fd) ? st.st_mtim : kept };
        (void)fchmod(fd, st.st_mode & 07777);
        (void)futimens(fd, times);
    }
    heritage_copy_attributes(from_fd, fd);
}

static void heirs_settle_one(const struct heirs *h, int layers_fd, uint32_t at, bool is_listed)
{
    const struct heritage heritage = { .layers_fd = layers_fd, .inner = "." };
    const char *path = NULL;
    struct heirs_record record = heirs_at(h, at, &path);
    AUTO_CLOSE int fd = heirs_open_dir(layers_fd, record.layer, path);
    if (fd < 0)
        return;
    AUTO_CLOSE int from_fd = heritage_open(&heritage, record.layer, path);
    if (from_fd >= 0)
        heirs_inherit(fd, from_fd, is_listed);
    else if (!is_listed)
        heirs_set_default(fd);
}

static bool heirs_is_same(const struct heirs *h, uint32_t a, uint32_t b)
{
    const char *path = NULL;
    const char *other = NULL;
    return heirs_at(h, a, &path).layer == heirs_at(h, b, &other).layer && strcmp(path, other) == 0;
}

/* Of the records of one directory the last counts; one that was never implied inherits nothing. */
int heirs_settle(struct heirs *h, int layers_fd, const struct quota *quota, struct err *e)
{
    const char *path = NULL;
    bool is_implied = false;
    qsort_r(h->order, h->count, sizeof *h->order, heirs_compare, h);
    for (uint32_t i = 0; i < h->count; i++) {
        struct heirs_record record = heirs_at(h, h->order[i], &path);
        is_implied = is_implied || record.kind == HEIRS_IMPLIED;
        if (i + 1 < h->count && heirs_is_same(h, h->order[i], h->order[i + 1]))
            continue;
        if (quota_look(quota, i, e))
            return -1;
        if (is_implied)
            heirs_settle_one(h, layers_fd, h->order[i], record.kind == HEIRS_LISTED);
        is_implied = false;
    }
    return 0;
}
