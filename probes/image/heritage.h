/*
 * heritage: what a directory that no entry lists gets from the layers below: owner, mode, times and
 * attributes of the directory of that name in the nearest one that has one. Links on the way there
 * are followed within that layer; what is no directory there ends the search.
 * SOURCE: containerd pkg/archive/tar.go (mkparent), continuity fs/path.go (RootPath).
 *
 * It takes openat2 (Linux 5.6); before it nothing is found. Stateless; allocates nothing.
 */
#ifndef PROBES_IMAGE_HERITAGE_H
#define PROBES_IMAGE_HERITAGE_H

struct heritage {
    int layers_fd;     /* borrowed: holds the layers "0", "1", ...; -1: none */
    const char *inner; /* where in each of them its tree is: "fs", "." */
};

/* The directory in the nearest of so many layers that has one; the caller closes it. -1: none. */
int heritage_open(const struct heritage *h, unsigned below, const char *path);
/* What the other has, but for the administrator's ("trusted."). What is there stays. */
void heritage_copy_attributes(int from_fd, int to_fd);

#endif
