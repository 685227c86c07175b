#include "probes/image/du.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/kit/auto.h"

/* Without privilege a layer's own directories may keep this process out. */
static bool du_is_closed(int sys)
{
    return sys == EACCES && geteuid() != 0;
}

/* The walk on its way: the directories that are open, and the name of the last one. */
struct du_way {
    const struct walk *at;
    DIR *open[DU_LEVELS_MAX];
    size_t sizes[DU_LEVELS_MAX]; /* of the names of those above */
    unsigned depth;
    char path[WALK_PATH_BYTES];
    size_t size; /* of it */
    uint64_t looks;
};

static int du_enter(struct du_way *w, struct err *e)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(w->at->root_fd, w->path[0] ? w->path : ".", flags);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int sys = errno;
        auto_close_fd(&fd);
        return err_set(e, err_kind_of(sys), sys, "read what was unpacked");
    }
    w->open[w->depth++] = dir;
    return 0;
}

static void du_leave(struct du_way *w)
{
    (void)closedir(w->open[--w->depth]);
    w->size = w->sizes[w->depth];
    w->path[w->size] = '\0';
}

static int du_look(struct du_way *w, const char *name, struct du *found, struct err *e)
{
    struct stat st;
    size_t above = w->size;
    size_t room = sizeof w->path - above;
    bool is_slash = above > 0 && w->path[above - 1] != '/';
    int n = snprintf(w->path + above, room, "%s%s", is_slash ? "/" : "", name);
    if (n < 0 || (size_t)n >= room || fstatat(w->at->root_fd, w->path, &st, AT_SYMLINK_NOFOLLOW))
        return err_set(e, err_kind_of(errno), errno, "look at what was unpacked");
    found->entries++;
    found->disk_bytes += (uint64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode) || w->depth >= DU_LEVELS_MAX) {
        w->path[above] = '\0';
        return 0;
    }
    w->sizes[w->depth] = above;
    w->size = above + (size_t)n;
    return du_enter(w, e);
}

/* As du_look; what is closed is passed over. */
static int du_try(struct du_way *w, const char *name, struct du *found, struct err *e)
{
    size_t above = w->size;
    if (du_look(w, name, found, e) == 0)
        return 0;
    w->size = above;
    w->path[above] = '\0';
    return du_is_closed(e->sys) ? 0 : -1;
}

static int du_next(struct du_way *w, struct du *found, struct err *e)
{
    errno = 0;
    const struct dirent *d = readdir(w->open[w->depth - 1]); // NOLINT(concurrency-mt-unsafe): ours
    if (!d && errno)
        return err_set(e, err_kind_of(errno), errno, "read what was unpacked");
    if (!d)
        du_leave(w);
    else if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
        return du_try(w, d->d_name, found, e);
    return 0;
}

int du_walk(const struct walk *at, const struct quota *quota, struct du *found, struct err *e)
{
    struct du_way w = { .at = at };
    walk_path(at, "", w.path);
    w.size = strlen(w.path);
    int failed = du_enter(&w, e);
    while (!failed && w.depth > 0)
        failed = quota_look(quota, w.looks++, e) || du_next(&w, found, e) ? -1 : 0;
    while (w.depth > 0)
        du_leave(&w);
    return failed;
}
