#include "probes/image/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/image/heritage.h"
#include "probes/kit/auto.h"

enum {
    WALK_LAYER_BYTES = 16
};

enum walk_found {
    WALK_MISSING,
    WALK_DIRECTORY,
    WALK_OTHER
};

/* Nobody else can put something else in its place: nor rename what is in it. */
static bool walk_is_ours(const char *path)
{
    struct stat st;
    if (lstat(path, &st) || !S_ISDIR(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()))
        return false;
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_mode & S_ISVTX);
}

static bool walk_are_ours(const char *path)
{
    char part[PATH_MAX];
    (void)snprintf(part, sizeof part, "%s", path);
    for (char *slash = strrchr(part, '/'); slash && slash != part; slash = strrchr(part, '/')) {
        if (!walk_is_ours(part))
            return false;
        *slash = '\0';
    }
    return part[0] == '/' && walk_is_ours(part) && walk_is_ours("/");
}

void walk_start(struct walk *w, int root_fd, int layers_fd, unsigned below)
{
    char link[WALK_LAYER_BYTES + sizeof "/proc/self/fd/"];
    struct stat by_name;
    struct stat by_fd;
    w->root_fd = root_fd;
    w->layers_fd = layers_fd;
    w->below = below;
    w->root_size = 0;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", root_fd);
    ssize_t size = readlink(link, w->root, sizeof w->root - 2);
    w->root[size > 0 ? size : 0] = '\0';
    if (size > 0 && walk_are_ours(w->root) && lstat(w->root, &by_name) == 0 &&
        fstat(root_fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
        by_name.st_ino == by_fd.st_ino) {
        w->root_size = (size_t)size + 1;
        memcpy(w->root + size, "/", 2);
    }
}

void walk_path(const struct walk *w, const char *path, char whole[WALK_PATH_BYTES])
{
    memcpy(whole, w->root, w->root_size);
    (void)snprintf(whole + w->root_size, WALK_PATH_BYTES - w->root_size, "%s", path);
}

static int walk_look(const struct walk *w, const char *path, enum walk_found *found, struct err *e)
{
    struct stat st;
    char shown[BENEATH_SHOWN_BYTES];
    *found = WALK_MISSING;
    if (fstatat(w->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *found = S_ISDIR(st.st_mode) ? WALK_DIRECTORY : WALK_OTHER;
    else if (errno == ENOTDIR)
        *found = WALK_OTHER;
    else if (errno != ENOENT)
        return err_set(e, err_kind_of(errno), errno, "look at '%s'",
                       beneath_show(path + w->root_size, shown));
    if (*found == WALK_OTHER)
        return err_set(e, ERR_DATA, 0,
                       "it leads through '%s', which is a link or a file and no directory",
                       beneath_show(path + w->root_size, shown));
    return 0;
}

/* What may not be set without privilege is left: it is the default then. */
static void walk_inherit(const struct walk *w, const char *path)
{
    const struct heritage heritage = { .layers_fd = w->layers_fd, .inner = "fs" };
    struct stat st;
    AUTO_CLOSE int from_fd = heritage_open(&heritage, w->below, path + w->root_size);
    if (from_fd < 0 || fstat(from_fd, &st))
        return;
    AUTO_CLOSE int to_fd =
        openat(w->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return;
    const struct timespec times[2] = { st.st_atim, st.st_mtim };
    if (fchown(to_fd, st.st_uid, st.st_gid) == 0) {
        (void)fchmod(to_fd, st.st_mode & 07777);
        (void)futimens(to_fd, times);
    }
    heritage_copy_attributes(from_fd, to_fd);
}

static int walk_make(const struct walk *w, const char *path, struct quota *quota, struct err *e)
{
    char shown[BENEATH_SHOWN_BYTES];
    if (quota_take(quota, e))
        return -1;
    if (mkdirat(w->root_fd, path, 0755) || fchmodat(w->root_fd, path, 0755, 0))
        return err_set(e, err_kind_of(errno), errno, "make its parent '%s'",
                       beneath_show(path + w->root_size, shown));
    if (w->layers_fd >= 0)
        walk_inherit(w, path);
    return 0;
}

/* Looks at "a", "a/b", "a/b/c" below the root; makes those that are missing, with a quota. */
static int walk_down(const struct walk *w, char *path, struct quota *quota, enum walk_found *found,
                     struct err *e)
{
    for (char *slash = strchr(path + w->root_size, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (walk_look(w, path, found, e))
            return -1;
        if (*found == WALK_MISSING && (!quota || walk_make(w, path, quota, e)))
            return quota ? -1 : 0;
        if (!slash)
            return 0;
        *slash = '/';
    }
}

int walk_parent(const struct walk *w, const struct beneath_name *name, struct quota *quota,
                struct err *e)
{
    char path[WALK_PATH_BYTES];
    enum walk_found found = WALK_DIRECTORY;
    if (name->parent_size == 0)
        return 0;
    memcpy(path, w->root, w->root_size);
    memcpy(path + w->root_size, name->path, name->parent_size);
    path[w->root_size + name->parent_size] = '\0';
    if (walk_down(w, path, NULL, &found, e))
        return -1;
    /* mkparent looks once more. */
    if (found == WALK_DIRECTORY)
        return quota ? walk_look(w, path, &found, e) : 0;
    memcpy(path + w->root_size, name->path, name->parent_size);
    if (!quota)
        return err_set(e, ERR_DATA, ENOENT, "its directory is missing");
    return walk_down(w, path, quota, &found, e);
}
