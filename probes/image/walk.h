/*
 * walk: the way to an entry, gone as containerd goes it: each component of its parent is looked at
 * by lstat, for every entry anew, and a parent that no entry made is made.
 *
 * A component that is a link or a file is refused (ERR_DATA), where containerd would follow a link
 * within the root: so nothing that an archive planted leads anywhere. After it the parent is a
 * directory below root_fd that no link leads to, and stays one while nobody else writes there: the
 * directory is private, and one thread works in it.
 * SOURCE: containerd pkg/archive/tar.go (applyNaive, mkparent), continuity fs/path.go (RootPath).
 *
 * A parent that is made gets what heritage.h says, else mode 0755.
 */
#ifndef PROBES_IMAGE_WALK_H
#define PROBES_IMAGE_WALK_H

#include <stdbool.h>

#include "probes/image/beneath.h"
#include "probes/image/quota.h"
#include "probes/kit/err.h"

enum {
    WALK_PATH_BYTES = 2 * PATH_MAX /* the kernel refuses more than half of it, with a reason */
};

struct walk {
    int root_fd;         /* borrowed: the layer's directory */
    size_t root_size;    /* bytes of root */
    char root[PATH_MAX]; /* its absolute path with a slash at the end; "": paths start at root_fd */
    int layers_fd;  /* borrowed: holds those of the layers below, "0/fs", "1/fs", ...; -1: none */
    unsigned below; /* how many there are */
};

/*
 * The directory of a layer, with so many layers below it. Its absolute path is used, as the runtime
 * does and with the same cost of looking it up, where no other user can rename a part of it: each
 * belongs to root or to us, and who else may write there is kept from renaming by the sticky bit.
 */
void walk_start(struct walk *w, int root_fd, int layers_fd, unsigned below);
/*
 * The path of an entry for system calls at w->root_fd, which an absolute one ignores: one that
 * somebody forgot to make absolute stays below. "" for the root itself.
 */
void walk_path(const struct walk *w, const char *path, char whole[WALK_PATH_BYTES]);
/*
 * Directories that are missing are made and taken from the quota; NULL: they are not to be made.
 * ERR_DATA when the way is blocked, or missing and not to be made.
 */
int walk_parent(const struct walk *w, const struct beneath_name *name, struct quota *quota,
                struct err *e);

#endif
